//! What is refused, and in which words.

use maniple_context::messages::{MessageError, Transcript, WriteError};
use maniple_context::{Kind, Segment};

const CALL: &str = r#"{"role":"assistant","tool_calls":[
    {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;

fn openai(json: &str) -> String {
    Transcript::openai(json).unwrap_err().to_string()
}

fn anthropic(json: &str) -> String {
    Transcript::anthropic(json).unwrap_err().to_string()
}

#[test]
fn openai_messages_that_are_none() {
    let deep =
        format!(r#"[{{"role":"user",{}"x":{}1{}}}]"#, "\n", "[".repeat(119), "]".repeat(119));
    let answer = r#"{"role":"tool","tool_call_id":"a","content":"1"}"#;
    for (json, said) in [
        ("[\n{\"role\":}]", "line 2, column 9 is not JSON"),
        ("", "line 1, column 0 is not JSON"),
        ("[] []", "line 1, column 4 is not JSON"),
        (&deep, "more than 120 arrays and objects are nested at line 2"),
        ("7", "give an array of them, or an object with the array `messages`"),
        (r#"{"prompt":"hi"}"#, "give an array of them, or an object with the array `messages`"),
        (r#"{"messages":{}}"#, "$.messages is not an array"),
        ("[[]]", "$[0] is not an object"),
        (r#"[{"role":"bot","content":""}]"#, r#"$[0].role is the unknown role "bot""#),
        (r#"[{"content":""}]"#, "$[0].role is missing"),
        (r#"[{"role":7}]"#, "$[0].role is not a string of Unicode text"),
        (r#"[{"role":"user"}]"#, "$[0].content is missing"),
        (r#"[{"role":"assistant","content":null}]"#, "$[0].content is missing"),
        (r#"[{"role":"user","content":3}]"#, "$[0].content is not a string or an array of parts"),
        (r#"[{"role":"user","content":"\ud800"}]"#, "$[0].content is not a string of Unicode text"),
        (r#"[{"role":"user","content":["x"]}]"#, "$[0].content[0] is not an object"),
        (r#"[{"role":"user","content":[{"text":""}]}]"#, "$[0].content[0].type is missing"),
        (r#"[{"role":"user","content":[{"type":"text"}]}]"#, "$[0].content[0].text is missing"),
        (r#"[{"role":"user","content":"","content":""}]"#, "$[0].content is there twice"),
        (r#"[{"role":"user","content":"","pinned":1}]"#, "$[0].pinned is not true or false"),
        (r#"[{"role":"user","content":"","time":[]}]"#, "$[0].time is not a string or a number"),
        (
            r#"[{"role":"user","content":"","id":1},{"role":"user","content":"","id":"1"}]"#,
            r#"$[1].id is "1", as is the id of an earlier message"#,
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]}]"#,
            "$[0].tool_calls[0].function.arguments is missing",
        ),
        (
            &format!("[{answer}]"),
            r#"$[0].tool_call_id is "a", and no tool call before it has that id"#,
        ),
        (
            &format!("[{CALL},{answer},{answer}]"),
            r#"$[2].tool_call_id answers the tool call "a" a second time"#,
        ),
        (
            &format!("[{CALL},{CALL}]"),
            r#"$[1].tool_calls[0].id is "a", as is the id of an earlier tool call"#,
        ),
    ] {
        assert_eq!(openai(json), format!("cannot read messages: {said}"), "{json}");
    }
}

#[test]
fn anthropic_messages_that_are_none() {
    for (json, said) in [
        (r#"[{"role":"system","content":""}]"#, r#"$[0].role is the unknown role "system""#),
        (r#"{"messages":[],"system":1}"#, "$.system is not a string or an array of blocks"),
        (r#"[{"role":"assistant"}]"#, "$[0].content is missing"),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}"#,
            r#"$.messages[0].content[0].tool_use_id is "a", and no tool call before it has that id"#,
        ),
        (
            r#"[{"role":"assistant","content":[{"type":"tool_use","id":"a","input":{}}]}]"#,
            "$[0].content[0].name is missing",
        ),
    ] {
        assert_eq!(anthropic(json), format!("cannot read messages: {said}"), "{json}");
    }
}

#[test]
fn an_error_says_which_message() {
    let error = Transcript::openai(r#"[{"role":"user","content":"a"},{"role":"x"}]"#).unwrap_err();
    assert!(matches!(
        error,
        MessageError::UnknownRole { place, role } if place.message == Some(1) && role == "x"
    ));
}

fn answered() -> Transcript {
    let answer = r#"{"role":"tool","tool_call_id":"a","content":"1"}"#;
    Transcript::openai(&format!(r#"[{{"role":"user","content":"hi"}},{CALL},{answer}]"#)).unwrap()
}

fn refusal(transcript: &Transcript, segments: &[Segment]) -> WriteError {
    transcript.write(segments).unwrap_err()
}

#[test]
fn segments_that_make_no_conversation() {
    let transcript = answered();
    let [user, call, result] = transcript.segments() else { panic!("three segments") };
    let (user, call, result) = (user.clone(), call.clone(), result.clone());
    let said = |segments: &[Segment]| refusal(&transcript, segments).to_string();
    assert_eq!(
        said(&[user.clone(), user.clone()]),
        r#"cannot write messages: the segment "0" is there twice"#
    );
    assert_eq!(
        said(&[call.clone(), user.clone(), result.clone()]),
        r#"cannot write messages: the segment "0" stands too late, keep the order"#
    );
    for half in [call.clone(), result.clone()] {
        assert_eq!(
            said(&[user.clone(), half]),
            r#"cannot write messages: only one half of "a" is left, keep or drop both"#
        );
    }
    let foreign = Segment::tool_call("x", "y", "f {}");
    assert_eq!(
        said(&[foreign]),
        r#"cannot write messages: "x" is not of the transcript, only notes can be added"#
    );
    for text in ["g {}", "f", "f {", "f{}"] {
        let changed = Segment::tool_call("1", "a", text);
        assert!(matches!(
            refusal(&transcript, &[user.clone(), changed, result.clone()]),
            WriteError::BrokenCall { id } if id.as_str() == "1"
        ));
    }
}

#[test]
fn anthropic_takes_only_objects_as_input() {
    let json =
        r#"[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}]"#;
    let transcript = Transcript::anthropic(json).unwrap();
    let write = |text: &str| transcript.write(&[Segment::tool_call("0", "a", text)]);
    assert!(matches!(write("f [1]"), Err(WriteError::BrokenCall { .. })));
    assert!(write(r#"f {"a":1}"#).unwrap().contains(r#""input":{"a":1}"#));
}

#[test]
fn a_note_inside_a_call_comes_before_it() {
    let transcript = answered();
    let [user, call, result] = transcript.segments() else { panic!("three segments") };
    let note = Segment::new("n", Kind::Note, "left out");
    let written = transcript
        .write(&[user.clone(), call.clone(), note.clone(), result.clone(), note_after()])
        .unwrap();
    let messages: Vec<serde_json::Value> = serde_json::from_str(&written).unwrap();
    let contents: Vec<_> = messages.iter().map(|message| message["content"].as_str()).collect();
    assert_eq!(contents, [Some("hi"), Some("left out"), None, Some("1"), Some("after")]);
}

fn note_after() -> Segment {
    Segment::new("m", Kind::Note, "after")
}
