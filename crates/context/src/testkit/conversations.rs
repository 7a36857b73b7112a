//! Strategies that make conversations as providers take them, for the tests of hosts.
//!
//! Every transcript is one that its provider takes: each tool call is answered at once, but for
//! those of the last turn, some of which may wait. Texts have any script, are empty, repeat; parts
//! and fields that no reader knows are among the others.

use proptest::prelude::*;
use proptest::{collection, option};

use crate::messages::Transcript;
use crate::segment::Segment;

/// Compact JSON arrays of messages for `OpenAI`'s chat completions, with documents among them, which
/// only this crate takes.
pub fn openai_transcripts() -> impl Strategy<Value = String> {
    conversations().prop_map(|turns| {
        let last = turns.len().saturating_sub(1);
        let mut messages = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            openai_turn(at, turn, at == last, &mut messages);
        }
        format!("[{}]", messages.join(","))
    })
}

/// Compact JSON for Anthropic's messages API: arrays of messages, and requests with a system
/// prompt.
pub fn anthropic_transcripts() -> impl Strategy<Value = String> {
    let request = option::of((option::of(bodies()), any::<bool>()));
    (conversations(), request).prop_map(|(turns, request)| {
        let last = turns.len().saturating_sub(1);
        let mut messages = vec![r#"{"role":"user","content":"begin"}"#.to_owned()];
        for (at, turn) in turns.iter().enumerate() {
            anthropic_turn(at, turn, at == last, &mut messages);
        }
        let messages = format!("[{}]", messages.join(","));
        let Some((system, is_first)) = request else { return messages };
        let system = system.map(|body| format!(r#""system":{}"#, body.json("text", "document")));
        let messages = format!(r#""messages":{messages}"#);
        let mut fields = vec![r#""max_tokens":1e3"#.to_owned(), messages];
        fields.extend(system);
        if is_first {
            fields.reverse();
        }
        format!("{{{}}}", fields.join(","))
    })
}

/// The segments of such transcripts: lawful contexts, with calls that are parallel or pending.
pub fn segments() -> impl Strategy<Value = Vec<Segment>> {
    prop_oneof![
        openai_transcripts().prop_map(|json| Transcript::openai(&json)),
        anthropic_transcripts().prop_map(|json| Transcript::anthropic(&json)),
    ]
    .prop_map(|transcript| match transcript {
        Ok(transcript) => transcript.segments().to_vec(),
        Err(error) => unreachable!("a transcript that is made to be valid is refused: {error}"),
    })
}

#[derive(Debug, Clone)]
struct Turn {
    speech: Speech,
    extras: Extras,
}

#[derive(Debug, Clone)]
enum Speech {
    Plain { role: &'static str, body: Body },
    Document { text: String },
    Assistant { thinks: bool, body: Option<Body>, calls: Vec<Call>, remark: Option<String> },
}

#[derive(Debug, Clone)]
struct Call {
    name: String,
    arguments: String,
    result: Option<Body>,
}

#[derive(Debug, Clone)]
enum Body {
    Text(String),
    Parts(Vec<Option<String>>),
}

/// Fields that hosts add.
#[derive(Debug, Clone)]
struct Extras {
    has_id: bool,
    name: Option<String>,
    time: Option<u32>,
    pinned: Option<bool>,
    unknown: Option<&'static str>,
}

fn conversations() -> impl Strategy<Value = Vec<Turn>> {
    collection::vec((speeches(), extras()), 0..10).prop_map(|turns| {
        turns.into_iter().map(|(speech, extras)| Turn { speech, extras }).collect()
    })
}

fn speeches() -> impl Strategy<Value = Speech> {
    let roles = prop_oneof![
        1 => Just("system"),
        1 => Just("developer"),
        4 => Just("user"),
    ];
    let calls = collection::vec((names(), arguments(), option::weighted(0.8, bodies())), 0..4);
    let calls = calls.prop_map(|calls| {
        let call = |(name, arguments, result)| Call { name, arguments, result };
        calls.into_iter().map(call).collect()
    });
    prop_oneof![
        3 => (roles, bodies()).prop_map(|(role, body)| Speech::Plain { role, body }),
        1 => texts().prop_map(|text| Speech::Document { text }),
        4 => (any::<bool>(), option::of(bodies()), calls, option::of(texts())).prop_map(
            |(thinks, body, calls, remark)| Speech::Assistant { thinks, body, calls, remark },
        ),
    ]
}

fn extras() -> impl Strategy<Value = Extras> {
    let unknown = prop_oneof![
        Just(None),
        Just(Some(r#""n":1.50"#)),
        Just(Some(r#""x":{"b":1e400,"a":[null,{}]}"#)),
    ];
    let pinned = prop_oneof![6 => Just(None), 1 => Just(Some(false)), 1 => Just(Some(true))];
    (
        any::<bool>(),
        option::weighted(0.2, names()),
        option::weighted(0.2, any::<u32>()),
        pinned,
        unknown,
    )
        .prop_map(|(has_id, name, time, pinned, unknown)| Extras {
            has_id,
            name,
            time,
            pinned,
            unknown,
        })
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        3 => texts().prop_map(Body::Text),
        1 => collection::vec(option::weighted(0.7, texts()), 1..4).prop_map(Body::Parts),
    ]
}

fn names() -> impl Strategy<Value = String> {
    "(read|write|run_tests|a-b|x)"
}

fn arguments() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        texts().prop_map(|text| quoted(&text)),
        Just("1.0e2".to_owned()),
        Just(r#"[{"deep":[]}]"#.to_owned()),
    ];
    option::of(value).prop_map(|value| match value {
        Some(value) => format!(r#"{{"path":"src/lib.rs","value":{value}}}"#),
        None => "{}".to_owned(),
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        2 => "(the same line, again and again\n){1,5}",
        4 => "([A-Z]?[a-z]{1,9}[ .,]){1,20}",
        2 => "([a-z_]{1,6}\\(\\);\r?\n {0,8}){1,9}",
        2 => r"\PC{0,30}",
        1 => r#"["\\/\n\t\x00-\x1f語é🦀\u{301} ]{0,20}"#,
        1 => Just("<|endoftext|>".to_owned()),
    ]
}

impl Body {
    fn json(&self, text_type: &str, other_type: &str) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Parts(parts) => {
                let part = |part: &Option<String>| match part {
                    Some(text) => format!(r#"{{"type":"{text_type}","text":{}}}"#, quoted(text)),
                    None => format!(r#"{{"type":"{other_type}","source":{{"data":"AAAA"}}}}"#),
                };
                format!("[{}]", parts.iter().map(part).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The parts as blocks of a larger content, without the empty ones that Anthropic refuses.
    fn blocks(&self) -> Vec<String> {
        let block = |text: &str| format!(r#"{{"type":"text","text":{}}}"#, quoted(text));
        match self {
            Self::Text(text) if text.trim().is_empty() => Vec::new(),
            Self::Text(text) => vec![block(text)],
            Self::Parts(parts) => parts
                .iter()
                .filter_map(|part| match part.as_deref() {
                    Some(text) if text.trim().is_empty() => None,
                    Some(text) => Some(block(text)),
                    None => Some(r#"{"type":"image","source":{"data":"AAAA"}}"#.to_owned()),
                })
                .collect(),
        }
    }
}

fn message(at: &str, extras: &Extras, fields: &[String]) -> String {
    let mut all = Vec::new();
    all.extend(extras.has_id.then(|| format!(r#""id":"m{at}""#)));
    all.extend_from_slice(fields);
    all.extend(extras.time.map(|time| format!(r#""time":{time}"#)));
    all.extend(extras.pinned.map(|pinned| format!(r#""pinned":{pinned}"#)));
    all.extend(extras.unknown.map(ToOwned::to_owned));
    format!("{{{}}}", all.join(","))
}

fn openai_turn(at: usize, turn: &Turn, is_last: bool, messages: &mut Vec<String>) {
    let extras = &turn.extras;
    let name = extras.name.as_ref().map(|name| format!(r#""name":"{name}""#));
    let with_name = |mut fields: Vec<String>| {
        fields.extend(name.clone());
        fields
    };
    let role = |role: &str| format!(r#""role":"{role}""#);
    let content = |body: &Body| format!(r#""content":{}"#, body.json("text", "image_url"));
    match &turn.speech {
        Speech::Plain { role: speaker, body } => {
            let fields = with_name(vec![role(speaker), content(body)]);
            messages.push(message(&at.to_string(), extras, &fields));
        }
        Speech::Document { text } => {
            let fields = with_name(vec![role("tool"), format!(r#""content":{}"#, quoted(text))]);
            messages.push(message(&at.to_string(), extras, &fields));
        }
        Speech::Assistant { body, calls, .. } => {
            let mut fields = vec![role("assistant")];
            fields.push(match body {
                Some(body) => content(body),
                None if calls.is_empty() => r#""content":"done""#.to_owned(),
                None => r#""content":null"#.to_owned(),
            });
            let call = |(index, call): (usize, &Call)| {
                let (name, arguments) = (&call.name, quoted(&call.arguments));
                format!(
                    r#"{{"id":"c{at}-{index}","type":"function","function":{{"name":"{name}","arguments":{arguments}}}}}"#
                )
            };
            if !calls.is_empty() {
                let calls: Vec<_> = calls.iter().enumerate().map(call).collect();
                fields.push(format!(r#""tool_calls":[{}]"#, calls.join(",")));
            }
            messages.push(message(&at.to_string(), extras, &with_name(fields)));
            for (index, call) in calls.iter().enumerate() {
                let Some(result) = call.result_in(is_last) else { continue };
                let fields =
                    [role("tool"), format!(r#""tool_call_id":"c{at}-{index}""#), content(&result)];
                messages.push(message(&format!("{at}-{index}"), extras, &fields));
            }
        }
    }
}

fn anthropic_turn(at: usize, turn: &Turn, is_last: bool, messages: &mut Vec<String>) {
    let extras = &turn.extras;
    let say = |suffix: &str, role: &str, content: String| {
        let fields = [format!(r#""role":"{role}""#), format!(r#""content":{content}"#)];
        message(&format!("{at}{suffix}"), extras, &fields)
    };
    match &turn.speech {
        Speech::Plain { body, .. } => {
            messages.push(say("", "user", body.json("text", "image")));
        }
        Speech::Document { text } => messages.push(say("", "user", quoted(text))),
        Speech::Assistant { thinks, body, calls, remark } => {
            let mut blocks = Vec::new();
            if *thinks {
                blocks.push(r#"{"type":"thinking","thinking":"hm","signature":"s"}"#.to_owned());
            }
            blocks.extend(body.iter().flat_map(Body::blocks));
            blocks.extend(calls.iter().enumerate().map(|(index, call)| {
                let (name, input) = (&call.name, &call.arguments);
                format!(
                    r#"{{"type":"tool_use","id":"c{at}-{index}","name":"{name}","input":{input}}}"#
                )
            }));
            if blocks.is_empty() {
                blocks.push(r#"{"type":"text","text":"done"}"#.to_owned());
            }
            messages.push(say("", "assistant", format!("[{}]", blocks.join(","))));
            let mut blocks = Vec::new();
            for (index, call) in calls.iter().enumerate() {
                let Some(result) = call.result_in(is_last) else { continue };
                let content = match &result {
                    Body::Text(text) if text.is_empty() => String::new(),
                    Body::Text(text) => format!(r#","content":{}"#, quoted(text)),
                    Body::Parts(_) => format!(r#","content":[{}]"#, result.blocks().join(",")),
                };
                blocks.push(format!(
                    r#"{{"type":"tool_result","tool_use_id":"c{at}-{index}"{content}}}"#
                ));
            }
            if blocks.is_empty() {
                return;
            }
            let is_answered = blocks.len() == calls.len();
            let remark = remark.as_deref().filter(|remark| is_answered && !remark.is_empty());
            blocks
                .extend(remark.map(|text| format!(r#"{{"type":"text","text":{}}}"#, quoted(text))));
            messages.push(say("-r", "user", format!("[{}]", blocks.join(","))));
        }
    }
}

impl Call {
    /// What it returned; only a call of the last turn may still wait.
    fn result_in(&self, is_last_turn: bool) -> Option<Body> {
        match &self.result {
            None if !is_last_turn => Some(Body::Text(String::new())),
            result => result.clone(),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
