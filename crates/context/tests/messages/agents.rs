//! Transcripts of agents as a strategy makes them: calls with long arguments, and what tools answer.

use proptest::prelude::*;
use proptest::{collection, option};
use serde_json::{Value, json};

/// A transcript in the JSON of both providers.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) openai: String,
    pub(crate) anthropic: String,
}

#[derive(Debug, Clone)]
enum Step {
    User(String),
    Says(String),
    Reads { name: &'static str, text: String },
    Calls(Vec<Call>),
}

#[derive(Debug, Clone)]
struct Call {
    name: &'static str,
    arguments: Arguments,
    results: Vec<String>,
}

#[derive(Debug, Clone)]
enum Arguments {
    Object(Value),
    /// What a model that was cut off writes; only `OpenAI`'s arguments can be that.
    Broken(String),
    /// The input of one of `OpenAI`'s custom tools.
    Custom(String),
}

pub(crate) fn agents() -> impl Strategy<Value = Agent> {
    let steps = collection::vec((steps(), option::weighted(0.1, any::<bool>())), 1..14);
    (steps, any::<bool>()).prop_map(|(steps, has_ids)| {
        let mut openai = Vec::new();
        let mut anthropic = vec![json!({ "role": "user", "content": "Fix the failing test." })];
        for (at, (step, pinned)) in steps.into_iter().enumerate() {
            let written =
                [(&mut openai, openai_step(at, &step)), (&mut anthropic, anthropic_step(at, step))];
            for (messages, mut added) in written {
                for (nth, message) in added.iter_mut().enumerate() {
                    if has_ids {
                        message["id"] = format!("m{at}-{nth}").into();
                    }
                    if let Some(pinned) = pinned {
                        message["pinned"] = pinned.into();
                    }
                }
                messages.append(&mut added);
            }
        }
        Agent {
            openai: Value::from(openai).to_string(),
            anthropic: Value::from(anthropic).to_string(),
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let call = (arguments(), collection::vec(texts(), 1..3))
        .prop_map(|((name, arguments), results)| Call { name, arguments, results });
    let reads = (prop_oneof![Just("a.rs"), Just("b.log"), Just("c.json"), Just("d.md")], texts());
    prop_oneof![
        1 => texts().prop_map(Step::User),
        1 => texts().prop_map(Step::Says),
        1 => reads.prop_map(|(name, text)| Step::Reads { name, text }),
        5 => collection::vec(call, 1..4).prop_map(Step::Calls),
    ]
}

fn arguments() -> impl Strategy<Value = (&'static str, Arguments)> {
    prop_oneof![
        4 => (0..4_u32).prop_map(|n| ("read", Arguments::Object(json!({ "path": format!("/src/a{n}.rs") })))),
        4 => (0..4_u32, texts(), texts()).prop_map(|(n, old, new)| {
            ("edit", Arguments::Object(json!({ "path": format!("/src/a{n}.rs"), "old": old, "new": new })))
        }),
        1 => texts().prop_map(|text| ("edit", Arguments::Object(json!({ format!("k\ney\nof\n{text}"): text })))),
        1 => texts().prop_map(|text| {
            let whole = json!({ "path": "/a", "text": text }).to_string();
            ("write", Arguments::Broken(whole[..whole.len() - 1].to_owned()))
        }),
        1 => texts().prop_map(|text| ("patch", Arguments::Custom(text))),
    ]
}

/// What tools answer and models write.
pub(crate) fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        1 => Just("\n\n \n".to_owned()),
        1 => Just("ok".to_owned()),
        4 => lines(),
        1 => lines().prop_map(|text| text.replace('\n', "\r\n")),
        1 => lines().prop_map(|text| format!("\n \n\n{text}")),
        1 => lines().prop_map(|text| text.trim_end().to_owned()),
        1 => collection::vec(0..100_u32, 1..40).prop_map(|done| {
            let shown = done.iter().map(|n| format!("{n:>3}% of it\r"));
            shown.collect::<Vec<_>>().concat() + "done\n"
        }),
        1 => collection::vec("[A-Z](word|other|thing|, ){4,9}[.!?] ", 1..40)
            .prop_map(|sentences| sentences.concat()),
        1 => collection::vec("[A-Z](word|other|thing|, ){4,9}[.!?] ", 1..40)
            .prop_map(|sentences| sentences.concat() + "\n/and/a/path\n"),
        1 => (1..400_usize, "[a-z,;/]{1,9}").prop_map(|(times, unit)| unit.repeat(times)),
        1 => collection::vec(0..40_u32, 1..40).prop_map(|rows| {
            let row = |n: &u32| json!({ "id": n, "name": format!("pool {n}"), "error": null });
            serde_json::to_string_pretty(&rows.iter().map(row).collect::<Vec<_>>()).unwrap()
        }),
        1 => r"[语é🦀\u{301} \n\r\t/;}\]]{0,60}",
    ]
}

fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (0..60_u32).prop_map(|n| format!("    let value_{n} = retry(connection, {n});\n")),
        3 => (1..60_u32).prop_map(|n| format!("{n:>6}→    let value_{n} = retry();\n")),
        2 => (1..60_u32).prop_map(|n| format!("{n:>6}\tvalue_{n} = {n}\n")),
        3 => (0..60_u32).prop_map(|n| format!("/src/pool_{n}.rs:{n}:fn open_{n}() {{\n")),
        2 => (0..60_u32).prop_map(|n| format!("/usr/lib/pool_{n}\n")),
        1 => (0..9_u32).prop_map(|n| format!("total {n};\n")),
        3 => (0..60_u32).prop_map(|n| {
            format!("2024-05-06 10:00:{n:02} INFO pool: opened connection {n} of 60\n")
        }),
        1 => (0..9_u32).prop_map(|n| format!("2024-05-06 10:00:{n:02} ERROR pool: refused {n}\n")),
        2 => Just("\n".to_owned()),
        1 => Just("  \t\n".to_owned()),
        1 => Just("}\n".to_owned()),
        1 => Just("[…12 lines: recall 0123456789ab]\n".to_owned()),
        1 => (0..60_u32).prop_map(|n| {
            format!("Pool {n} was opened. It \"served\" {n} clients \\o/. Then it was closed again.\n")
        }),
    ];
    collection::vec(line, 1..80).prop_map(|lines| lines.concat())
}

fn openai_step(at: usize, step: &Step) -> Vec<Value> {
    match step {
        Step::User(text) => vec![json!({ "role": "user", "content": text })],
        Step::Says(text) => vec![json!({ "role": "assistant", "content": text })],
        Step::Reads { name, text } => {
            vec![json!({ "role": "tool", "name": name, "content": text })]
        }
        Step::Calls(calls) => {
            let id = |nth: usize| format!("c{at}-{nth}");
            let call = |(nth, call): (usize, &Call)| {
                let name = call.name;
                let arguments = match &call.arguments {
                    Arguments::Object(value) => value.to_string(),
                    Arguments::Broken(text) => text.clone(),
                    Arguments::Custom(input) => {
                        let custom = json!({ "name": name, "input": input });
                        return json!({ "id": id(nth), "type": "custom", "custom": custom });
                    }
                };
                let function = json!({ "name": name, "arguments": arguments });
                json!({ "id": id(nth), "type": "function", "function": function })
            };
            let made: Vec<Value> = calls.iter().enumerate().map(call).collect();
            let mut messages =
                vec![json!({ "role": "assistant", "content": null, "tool_calls": made })];
            for (nth, call) in calls.iter().enumerate() {
                let content = match &*call.results {
                    [only] => Value::from(only.as_str()),
                    several => parts(several),
                };
                messages
                    .push(json!({ "role": "tool", "tool_call_id": id(nth), "content": content }));
            }
            messages
        }
    }
}

fn anthropic_step(at: usize, step: Step) -> Vec<Value> {
    match step {
        Step::User(text) | Step::Reads { text, .. } => {
            vec![json!({ "role": "user", "content": said(text) })]
        }
        Step::Says(text) => vec![json!({ "role": "assistant", "content": said(text) })],
        Step::Calls(calls) => {
            let id = |nth: usize| format!("c{at}-{nth}");
            let (mut made, mut answers) = (Vec::new(), Vec::new());
            for (nth, Call { name, arguments, results }) in calls.into_iter().enumerate() {
                let input = match arguments {
                    Arguments::Object(value) => value,
                    Arguments::Broken(text) | Arguments::Custom(text) => json!({ "text": text }),
                };
                made.push(
                    json!({ "type": "tool_use", "id": id(nth), "name": name, "input": input }),
                );
                let content = match &*results {
                    [only] => Value::from(only.as_str()),
                    several if several.iter().any(|text| text.trim().is_empty()) => {
                        Value::from(several.concat())
                    }
                    several => parts(several),
                };
                answers.push(
                    json!({ "type": "tool_result", "tool_use_id": id(nth), "content": content }),
                );
            }
            vec![
                json!({ "role": "assistant", "content": made }),
                json!({ "role": "user", "content": answers }),
            ]
        }
    }
}

/// Anthropic takes no text that says nothing.
fn said(text: String) -> String {
    if text.trim().is_empty() { "nothing".to_owned() } else { text }
}

fn parts(texts: &[String]) -> Value {
    texts.iter().map(|text| json!({ "type": "text", "text": text })).collect()
}
