//! What providers ask of a conversation, checked without the reader.

use std::collections::BTreeSet;

use serde_json::Value;

fn texts<'v>(list: &'v Value, field: &str) -> BTreeSet<&'v str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item[field].as_str()).collect()
}

/// Calls are answered at once and once, and nobody says nothing.
pub(crate) fn check_openai(messages: &Value) -> Result<(), String> {
    let mut open = BTreeSet::new();
    for (at, message) in messages.as_array().unwrap().iter().enumerate() {
        let err = |what: &str| Err(format!("message {at} {what}: {messages:#}"));
        if let Some(call) = message["tool_call_id"].as_str() {
            if !open.remove(call) {
                return err("answers nothing");
            }
            continue;
        }
        if !open.is_empty() {
            return err("stands between a call and its result");
        }
        open = texts(&message["tool_calls"], "id");
        if message["role"] == "assistant" && message["content"].is_null() && open.is_empty() {
            return err("says nothing");
        }
        if message.get("tool_calls").is_some() && open.is_empty() {
            return err("has a list of no calls");
        }
        if message["content"].as_array().is_some_and(Vec::is_empty) {
            return err("has no parts");
        }
    }
    Ok(())
}

/// The user begins, calls are answered at the beginning of the next message, and no content is
/// empty. Calls of the last turn may be open.
pub(crate) fn check_anthropic(request: &Value) -> Result<(), String> {
    let messages = if request.is_array() { request } else { &request["messages"] };
    let messages = messages.as_array().unwrap();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let err = |what: &str| Err(format!("message {at} {what}: {request:#}"));
        if at == 0 && message["role"] != "user" {
            return err("is first and not the user's");
        }
        let content = &message["content"];
        if content.as_array().is_some_and(Vec::is_empty) {
            return err("is empty");
        }
        let results = texts(content, "tool_use_id");
        if results.iter().any(|result| !open.contains(result)) {
            return err("answers nothing");
        }
        let is_last = at + 1 == messages.len();
        if results.len() < open.len() && !is_last {
            return err("leaves a call open");
        }
        if !open.is_empty() && message["role"] != "user" {
            return err("stands between a call and its result");
        }
        let blocks = content.as_array().map_or(&[][..], Vec::as_slice);
        let is_result = |block: &Value| block["type"] == "tool_result";
        if !blocks.is_sorted_by_key(|block| !is_result(block)) {
            return err("says something before a result");
        }
        let is_call = |block: &&Value| block["type"] == "tool_use";
        let answers = blocks.iter().filter_map(|block| block["content"].as_array()).flatten();
        let says_nothing =
            |block: &Value| block["text"].as_str().is_some_and(|t| t.trim().is_empty());
        if answers.into_iter().any(says_nothing) {
            return err("has a text in a result that says nothing");
        }
        open = blocks.iter().filter(is_call).filter_map(|block| block["id"].as_str()).collect();
    }
    Ok(())
}
