//! Transcripts and prices that are given.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use maniple::context::{Encoding, Tiktoken, TokenCounter as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{check, common, live, number, printed, run, turns};

/// An agent that looks at a log and answers, as `OpenAI` has it.
fn openai() -> Value {
    json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why do orders fail?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"x\"}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "ERROR the total is 7, not 8\n"},
        {"role": "assistant", "content": "A total is wrong."},
        {"role": "user", "content": "Thanks."}])
}

/// The same as Anthropic has it.
fn anthropic() -> Value {
    json!({"model": "m", "system": "Be brief.", "messages": [
        {"role": "user", "content": "Why do orders fail?"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "a", "name": "read", "input": {"path": "x"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "ERROR the total is 7, not 8\n"}]},
        {"role": "assistant", "content": "A total is wrong."},
        {"role": "user", "content": "Thanks."}]})
}

/// What stands before each answer.
const SENT: [&[&str]; 2] = [
    &["Be brief.", "Why do orders fail?"],
    &[
        "Be brief.",
        "Why do orders fail?",
        "I look.",
        "read {\"path\":\"x\"}",
        "ERROR the total is 7, not 8\n",
    ],
];

fn count(texts: &[&str]) -> u64 {
    let counter = Tiktoken::new(Encoding::O200kBase);
    texts.iter().map(|text| u64::try_from(counter.count(text)).unwrap()).sum()
}

fn written(name: &str, text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[test]
fn what_stands_before_each_answer_is_sent() {
    for transcript in [openai(), anthropic(), json!({"messages": openai()})] {
        let (_folder, path) = written("agent.json", &transcript.to_string());
        let (turns, total) = turns(&run(&[&path, "--window", "1000", "--json"]));
        check(&turns, &total, 1_000);
        let tokens: Vec<u64> = turns.iter().map(|turn| number(turn, "tokens")).collect();
        assert_eq!(tokens, SENT.map(count), "{transcript}");
        let bytes = SENT[0].iter().map(|text| text.len()).sum::<usize>();
        assert_eq!(turns[1]["bytes_before"], bytes);
        assert_eq!((&total["compactions"], &total["tokens_saved"]), (&0.into(), &0.into()));
    }
}

/// What tells Anthropic's messages is then in the parts alone.
#[test]
fn an_array_of_messages_is_told_by_its_parts() {
    let (_folder, path) = written("agent.json", &anthropic()["messages"].to_string());
    let (turns, _) = turns(&run(&[&path, "--window", "1000", "--json"]));
    let tokens: Vec<u64> = turns.iter().map(|turn| number(turn, "tokens")).collect();
    assert_eq!(tokens, SENT.map(|texts| count(&texts[1..])));
}

#[test]
fn the_standard_input_is_read_and_a_style_can_be_named() {
    // Nothing in it says whose it is, but a role that only one of the two has.
    let transcript = json!([
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Is it up?"},
        {"role": "assistant", "content": "Yes."}]);
    let run_on = |arguments: &[&str]| {
        let mut command = live(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(transcript.to_string().as_bytes()).unwrap();
        drop(stdin);
        running.wait_with_output().unwrap()
    };
    let text = printed(&run_on(&["-", "--window", "100", "--quiet"]));
    assert!(
        text.starts_with("the standard input: 3 messages, in a window of 100 tokens"),
        "{text}"
    );
    let refused = run_on(&["-", "--window", "100", "--style", "anthropic"]);
    common::check_refused(&refused, 1, "$[0].role is the unknown role \"developer\"");
}

#[test]
fn what_is_pinned_stays_through_every_compaction() {
    let rules = "Never write outside the repository. ".repeat(20);
    let mut messages = vec![json!({"role": "system", "content": rules, "pinned": true})];
    for at in 0..40 {
        let lines: Vec<String> =
            (0..30).map(|k| format!("line {k} of {at}: {}\n", k * at)).collect();
        messages.push(json!({"role": "user", "content": lines.concat()}));
        messages.push(json!({"role": "assistant", "content": format!("Read {at}.")}));
    }
    let (_folder, path) = written("agent.json", &json!(messages).to_string());
    let (turns, total) = turns(&run(&[&path, "--window", "2000", "--json"]));
    check(&turns, &total, 2_000);
    assert!(number(&total, "compactions") > 3, "{total}");
    let is_kept = |turn: &Value| number(turn, "kept_bytes") >= u64::try_from(rules.len()).unwrap();
    assert!(turns.iter().skip(1).all(is_kept));
}

#[test]
fn a_text_that_is_shortened_is_kept_up_to_there() {
    let rules = "Never write outside the repository.\n".repeat(80);
    let first = "The crash was in the parser of headers.\n\n";
    let filler = |at: usize| format!("In step {at} there was nothing to see but {}.\n\n", at * 37);
    let report = first.to_owned() + &(0..120).map(filler).collect::<String>();
    let messages = json!([
        {"role": "system", "content": rules, "pinned": true},
        {"role": "user", "content": report},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": "And now? ".repeat(400)},
        {"role": "assistant", "content": "Nothing."}]);
    let (_folder, path) = written("agent.json", &messages.to_string());
    let given = ["--window", "3800", "--query", "crash in the parser of headers", "--json"];
    let (turns, _) = turns(&run(&[&[&*path], &given[..]].concat()));
    assert!(turns[0].get("compaction").is_none() && turns[1].get("compaction").is_some());
    let kept = usize::try_from(number(&turns[1], "kept_bytes")).unwrap();
    let least = rules.len() + first.len();
    assert!(least <= kept && kept < least + report.len() / 2, "{kept} bytes are kept of {least}");
}

#[test]
fn prices_are_those_of_the_model() {
    let prices = json!({
        "plain": {"input": 2_000_000, "output": 9},
        "cached": {"input": 2_000_000, "output": 9, "cached_input": 500_000}});
    let (_folder, path) = written("prices.json", &prices.to_string());
    let given = ["--window", "12000", "--turns", "60", "--json", "--prices", &path, "--model"];
    let (plain, total) = turns(&run(&[&given[..], &["plain"]].concat()));
    assert_eq!(total["model"], "plain");
    for turn in &plain {
        assert_eq!(number(turn, "cost_micros"), 2 * number(turn, "tokens"));
        assert_eq!(number(turn, "cost_micros_without"), 2 * number(turn, "unreduced"));
    }
    for turn in turns(&run(&[&given[..], &["cached"]].concat())).0 {
        let (tokens, kept) = (number(&turn, "tokens"), number(&turn, "kept_tokens"));
        let halves = kept + (tokens - kept) * 4;
        assert_eq!(number(&turn, "cost_micros"), halves.div_ceil(2), "{turn}");
    }
    let quiet = ["--window", "12000", "--turns", "9", "--quiet", "--prices", &path];
    let table = printed(&run(&[&quiet[..], &["--model", "plain"]].concat()));
    assert!(table.contains("those given for plain") && !table.contains("example"), "{table}");
}
