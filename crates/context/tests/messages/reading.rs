//! Which segments a message has.

use maniple_context::messages::Transcript;
use maniple_context::relevance::Query;
use maniple_context::{ContextOptimizer, Encoding, Kind, Role, Segment, Tiktoken};

fn lines(segments: &[Segment]) -> Vec<String> {
    let line = |segment: &Segment| {
        let pair = segment.pair().map_or("-", |pair| pair.as_str());
        format!("{} {:?} {pair} {}", segment.id(), segment.kind(), segment.text())
    };
    segments.iter().map(line).collect()
}

#[test]
fn openai_messages() {
    let json = r#"[
        {"role":"system","content":"Be brief."},
        {"role":"developer","content":[{"type":"text","text":"Use tools."}],"pinned":true},
        {"id":"q","role":"user","name":"Ann","time":1700000000,"content":[
            {"type":"text","text":"See"},{"type":"image_url","image_url":{"url":"u"}},
            {"type":"text","text":"this"}]},
        {"role":"assistant","content":"","tool_calls":[
            {"id":"x","type":"function","function":{"name":"ls","arguments":"{\"a\": 1}"}},
            {"id":"y","type":"custom","custom":{"name":"sh","input":"pwd"}}]},
        {"role":"tool","tool_call_id":"y","content":[{"type":"image_url"}]},
        {"role":"tool","tool_call_id":"x","content":"a b"},
        {"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"done"},
        {"role":"tool","name":"notes/plan","content":"a page"},
        {"role":"assistant","content":null,"refusal":"No."}]"#;
    let transcript = Transcript::openai(json).unwrap();
    let segments = transcript.segments();
    assert_eq!(
        lines(segments),
        [
            "0 System - Be brief.",
            "1 Instruction - Use tools.",
            "q User - See",
            "q.1 User - this",
            r#"3 ToolCall x ls {"a": 1}"#,
            r#"3.1 ToolCall y {"id":"y","type":"custom","custom":{"name":"sh","input":"pwd"}}"#,
            "4 ToolResult y ",
            "5 ToolResult x a b",
            "6 ToolCall function_call 6 f {}",
            "7 ToolResult function_call 6 done",
            "8 File - a page",
        ]
    );
    let sizes: Vec<usize> = transcript.messages().map(<[Segment]>::len).collect();
    assert_eq!(sizes, [1, 1, 2, 2, 1, 1, 1, 1, 1, 0]);
    assert!(transcript.messages().flatten().eq(segments), "each segment is in its message");
    assert!(segments[1].is_pinned() && !segments[2].is_pinned());
    assert_eq!((segments[3].speaker(), segments[3].time()), (Some("Ann"), Some("1700000000")));
    assert_eq!(segments[10].source().unwrap().name(), "notes/plan");
    assert_eq!(segments[10].role(), Role::Tool);

    let written = transcript.write(&segments[10..]).unwrap();
    let messages: Vec<serde_json::Value> = serde_json::from_str(&written).unwrap();
    assert_eq!(messages.len(), 2, "a message without any segment stays: {written}");
}

#[test]
fn anthropic_messages() {
    let json = r#"{"model":"m","system":[{"type":"text","text":"Be brief.","cache_control":{}}],
        "messages":[
        {"role":"user","content":"Go"},
        {"role":"assistant","content":[
            {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},
            {"type":"tool_use","id":"x","name":"ls","input":{"b":1.0, "a":2}},
            {"type":"tool_use","id":"y","name":"pwd","input":{}}]},
        {"role":"user","content":[
            {"type":"tool_result","tool_use_id":"x","content":[
                {"type":"text","text":"one"},{"type":"image"},{"type":"text","text":"two"}]},
            {"type":"tool_result","tool_use_id":"y"},
            {"type":"text","text":"And now?"}]}]}"#;
    let transcript = Transcript::anthropic(json).unwrap();
    let segments = transcript.segments();
    assert_eq!(
        lines(segments),
        [
            "system System - Be brief.",
            "0 User - Go",
            "1 Assistant - I look.",
            r#"1.1 ToolCall x ls {"b":1.0, "a":2}"#,
            "1.2 ToolCall y pwd {}",
            "2 ToolResult x one",
            "2.1 ToolResult x two",
            "2.2 ToolResult y ",
            "2.3 User - And now?",
        ]
    );

    let sizes: Vec<usize> = transcript.messages().map(<[Segment]>::len).collect();
    assert_eq!(sizes, [1, 1, 3, 4]);
    let kept = [3, 5, 8].map(|at| segments[at].clone());
    assert_eq!(
        transcript.write(&kept).unwrap(),
        concat!(
            r#"{"model":"m","messages":[{"role":"user","content":"[earlier messages left out]"},"#,
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},"#,
            r#"{"type":"tool_use","id":"x","name":"ls","input":{"b":1.0, "a":2}}]},"#,
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":["#,
            r#"{"type":"text","text":"one"},{"type":"image"}]},"#,
            r#"{"type":"text","text":"And now?"}]}]}"#,
        )
    );
}

#[test]
fn an_id_that_is_made_up_is_never_one_that_is_given() {
    let json = r#"[{"role":"user","content":"a"},{"role":"user","content":"b","id":"0"},
        {"role":"user","content":"c","id":"0.1"}]"#;
    let transcript = Transcript::openai(json).unwrap();
    assert_eq!(lines(transcript.segments()), ["0' User - a", "0 User - b", "0.1 User - c"]);
}

#[test]
fn documents_are_of_the_kind_that_they_look_like() {
    let json = r#"[{"role":"tool","name":"app","content":"04:05:06 it has begun\n"},
        {"role":"tool","name":"src/main.rs","content":"fn main() {}"},
        {"role":"tool","content":"{\"a\": 1}"}]"#;
    let transcript = Transcript::openai(json).unwrap();
    let kinds: Vec<Kind> = transcript.segments().iter().map(Segment::kind).collect();
    assert_eq!(kinds, [Kind::Log, Kind::Code, Kind::Json]);
}

#[test]
fn a_value_is_read_as_its_text_is() {
    let value = serde_json::json!({"system": "s", "messages": [{"role": "user", "content": "a"}]});
    let transcript = Transcript::anthropic_value(&value).unwrap();
    assert_eq!(transcript.write(transcript.segments()).unwrap(), value.to_string());
    let value = serde_json::json!([{"role": "user", "content": "a"}]);
    let transcript = Transcript::openai_value(&value).unwrap();
    assert_eq!(transcript.segments()[0].kind(), Kind::User);
}

#[test]
fn instructions_and_what_is_asked_last_stay_before_anything_else() {
    let answer = |at: usize| {
        let text =
            format!("Answer {at} tells of the garden, the weather, the colours and the sea.");
        format!(
            r#"{{"role":"user","content":"And {at}?"}},{{"role":"assistant","content":"{text}"}}"#
        )
    };
    let answers: Vec<String> = (0..40).map(answer).collect();
    let json = format!(
        r#"[{{"role":"system","content":"Be brief."}},{},{{"role":"user","content":"Why?"}}]"#,
        answers.join(",")
    );
    let transcript = Transcript::openai(&json).unwrap();
    let counter = std::sync::Arc::new(Tiktoken::new(Encoding::O200kBase));
    let query = Query::new("the sea in the garden");
    for query in [None, Some(&query)] {
        let optimizer = ContextOptimizer::builder(counter.clone(), 60).build().unwrap();
        let reduced = optimizer.optimize(transcript.segments(), query).unwrap();
        let written = transcript.write(&reduced.segments).unwrap();
        assert!(written.contains("Be brief.") && written.contains("Why?"), "{written}");
    }
}
