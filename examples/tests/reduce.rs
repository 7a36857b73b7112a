//! The programs `reduce` and `recall`, run as a person would run them.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "reduce/batch.rs"]
mod batch;
#[allow(dead_code, reason = "each test uses a part of it")]
mod common;
#[path = "reduce/refused.rs"]
mod refused;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn reduce(arguments: &[&str]) -> Command {
    let mut command = Command::new(common::program("reduce"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    reduce(arguments).output().unwrap()
}

/// Runs it with this as its standard input.
fn run_on(input: &[u8], arguments: &[&str]) -> Output {
    let mut command = reduce(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = running.wait_with_output().unwrap();
    // Whether it has read all is seen in what it answers.
    let _ = writing.join().unwrap();
    output
}

fn recall(store: &str, arguments: &[&str]) -> Output {
    Command::new(common::program("recall")).arg(store).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was printed, of a run that has succeeded.
fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What was printed, as JSON.
fn answered(output: &Output) -> Value {
    serde_json::from_str(&printed(output)).unwrap()
}

fn tokens(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap()
}

/// A folder with one input of each kind, and their names.
fn inputs() -> (TempDir, [String; 5]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let letter =
        joined((0..120).map(|i| {
            format!("In year {i} the harbour of town {} saw {} ships.\n\n", i % 7, i * 31)
        }));
    let items: Vec<Value> =
        (0..200).map(|i| json!({"id": i, "name": format!("item {i}")})).collect();
    let source = joined((0..60).map(|i| {
        format!("/// Step {i}.\nfn step_{i}() {{\n    let a = {i};\n    call(a);\n}}\n\n")
    }));
    let names = [
        write("letter.md", &letter),
        write("server.log", &log(600)),
        write("items.json", &json!(items).to_string()),
        write("steps.rs", &source),
        write("chat.json", &chat().to_string()),
    ];
    (folder, names)
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().concat()
}

/// Lines of a log, of which each hundredth is an error.
fn log(lines: usize) -> String {
    let line = |i: usize| match i % 100 {
        99 => format!("2031-02-03T04:{:02}:{:02}Z ERROR refused by db-{i}\n", i / 60 % 60, i % 60),
        _ => format!("2031-02-03T04:{:02}:{:02}Z INFO took {} ms\n", i / 60 % 60, i % 60, i * 7),
    };
    joined((0..lines).map(line))
}

/// A conversation in which files are read by a tool.
fn chat() -> Value {
    let mut messages = vec![
        json!({"id": "rules", "role": "system", "content": "Be careful.", "pinned": true}),
        json!({"id": "ask", "role": "user", "content": "Why are failed calls repeated?"}),
    ];
    for i in 0..30 {
        let call = json!({"id": format!("c{i}"), "type": "function", "function":
            {"name": "read", "arguments": format!(r#"{{"path":"src/f{i}.rs"}}"#)}});
        let lines = joined((0..20).map(|k| format!("    call_{i}_{k}({});\n", i * k)));
        messages.extend([
            json!({"id": format!("a{i}"), "role": "assistant", "content": null, "tool_calls": [call]}),
            json!({"id": format!("r{i}"), "role": "tool", "tool_call_id": format!("c{i}"),
                "content": format!("fn f{i}() {{\n{lines}}}\n")}),
        ]);
    }
    json!(messages)
}

#[test]
fn every_kind_of_input_fits_its_budget_and_is_told_by_itself() {
    let (_folder, names) = inputs();
    let kinds = ["a text", "a log", "a JSON document", "source code", "a conversation of 62 parts"];
    for (name, kind) in names.iter().zip(kinds) {
        let answer = answered(&run(&[name, "--budget", "400", "--json"]));
        let report = &answer["report"];
        assert_eq!(report["encoding"], "o200k_base");
        assert!(tokens(report, "tokens_before") > 800, "{name}: {report}");
        let after = tokens(report, "tokens_after");
        assert!(after > 0 && after <= 400, "{name}: {report}");
        assert!(!answer["messages"].as_array().unwrap().is_empty());

        let output = run(&[name, "--budget", "400"]);
        assert!(!printed(&output).is_empty());
        assert!(
            said(&output).starts_with(&format!("reduce: {kind}: {after} tokens of ")),
            "{kind}"
        );
        assert!(said(&output).contains("what went is not kept: give --store DIR"));
    }
}

#[test]
fn a_file_and_the_standard_input_come_to_the_same() {
    let (_folder, names) = inputs();
    for (name, kind) in names.iter().zip(["text", "log", "json", "code", "messages"]) {
        let arguments = ["--budget", "400", "--kind", kind];
        let from_file = printed(&run(&[&[name.as_str()], &arguments[..]].concat()));
        let from_input = printed(&run_on(&fs::read(name).unwrap(), &arguments));
        // By a file's name its language is known.
        if kind != "code" {
            assert_eq!(from_file, from_input, "{kind}");
        }
    }
}

#[test]
fn reducing_again_changes_nothing() {
    let (folder, names) = inputs();
    let store = folder.path().join("kept").to_string_lossy().into_owned();
    let options: [&[&str]; 5] = [
        &["--budget", "400"],
        &["--budget", "400", "--query", "ships of town 3"],
        &["--budget", "400", "--no-markers"],
        &["--budget", "400", "--lossless", "--store", &store],
        &["--budget", "100000", "--min-reduction", "0.5", "--store", &store],
    ];
    for (name, kind) in names.iter().zip(["text", "log", "json", "code", "messages"]) {
        for options in options {
            let options = [options, &["--kind", kind]].concat();
            let once = printed(&run(&[&[name.as_str()], &options[..]].concat()));
            let again = run_on(once.as_bytes(), &options);
            // A conversation is printed with a line end, which is none of it.
            assert_eq!(printed(&again).trim_end(), once.trim_end(), "{name} {options:?}");
        }
    }
}

#[test]
fn a_context_within_its_budget_is_printed_byte_for_byte() {
    let text = "An odd text,\r\nwithout an end";
    let output = run_on(text.as_bytes(), &["--budget", "100"]);
    assert_eq!(printed(&output), text);
    assert!(said(&output).contains("nothing was dropped or shortened"));
    assert_eq!(printed(&run_on(b"", &["--budget", "1"])), "");
}

#[test]
fn the_query_decides_what_stays() {
    let (_folder, [letter, ..]) = inputs();
    let about = |query: &str| printed(&run(&[&letter, "--budget", "200", "--query", query]));
    assert!(about("how many ships in year 57?").contains("In year 57 "));
    assert!(about("how many ships in year 103?").contains("In year 103 "));
    assert!(!about("how many ships in year 57?").contains("In year 103 "));
}

#[test]
fn tokens_are_counted_in_the_encoding_asked_for() {
    let text = "Straße, naïve, ΑΒΓ, 漢字かな交じり文, привет\n".repeat(20);
    let counted = |encoding: &str| {
        let arguments = ["--budget", "100000", "--json", "--encoding", encoding];
        let report = answered(&run_on(text.as_bytes(), &arguments))["report"].take();
        assert_eq!(report["encoding"], encoding);
        tokens(&report, "tokens_before")
    };
    assert!(counted("cl100k_base") > counted("o200k_base"));
}

#[test]
fn what_cannot_be_met_without_loss_is_said_and_is_no_failure() {
    let (_folder, [letter, ..]) = inputs();
    let output = run(&[&letter, "--budget", "100", "--lossless"]);
    assert_eq!(printed(&output), fs::read_to_string(&letter).unwrap());
    assert!(said(&output).contains(" tokens over the budget: no more goes without loss"));
    let report =
        answered(&run(&[&letter, "--budget", "100", "--lossless", "--json"]))["report"].take();
    assert_eq!(tokens(&report, "over_budget") + 100, tokens(&report, "tokens_after"));
}

#[test]
fn min_reduction_reduces_what_is_within_the_budget() {
    let (_folder, [letter, ..]) = inputs();
    let report = |more: &[&str]| {
        let arguments = [&[letter.as_str(), "--budget", "100000", "--json"], more].concat();
        answered(&run(&arguments))["report"].take()
    };
    let whole = report(&[]);
    assert_eq!(whole["tokens_before"], whole["tokens_after"]);
    let half = report(&["--min-reduction", "0.5"]);
    assert!(tokens(&half, "tokens_after") * 2 <= tokens(&half, "tokens_before"), "{half}");
}

#[test]
fn no_markers_puts_none() {
    let (_folder, [_, log, ..]) = inputs();
    assert!(printed(&run(&[&log, "--budget", "2000"])).contains(": recall "));
    let output = run(&[&log, "--budget", "2000", "--no-markers"]);
    assert!(
        !printed(&output).contains(": recall ") && said(&output).contains("markers 0 (0 tokens)")
    );
}

#[test]
fn what_went_is_recalled_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (file, store) = (path("server.log"), path("deep/kept"));
    // With odd line ends and characters, and none at the end.
    let text = log(600).replacen('\n', "\r\n", 3) + "naïve ERROR \u{1f980}\0 without an end";
    fs::write(&file, &text).unwrap();
    let output = run(&[&file, "--budget", "2000", "--store", &store]);
    let short = printed(&output);
    let (_, handle) = short.split_once(": recall ").unwrap();
    let handle = &handle[..12];
    assert!(said(&output).contains(&format!("to see all of it: recall {store} ")));
    let whole = printed(&recall(&store, &[handle]));
    assert_eq!(whole, text);

    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(printed(&recall(&store, &[handle, "--lines", "100-102"])), lines[99..102].concat());
    assert_eq!(printed(&recall(&store, &[handle, "--lines", "601"])), lines[600]);
    let found = printed(&recall(&store, &[handle, "--search", "refused db-299", "--around", "0"]));
    assert_eq!(found, format!("300:{}", lines[299]));

    // Said beside the output and in the report, it is the same text.
    let said = said(&output);
    let said_handle = said.trim_end().rsplit(' ').next().unwrap();
    assert_eq!(printed(&recall(&store, &[said_handle])), text);
    let again = answered(&run(&[&file, "--budget", "2000", "--store", &store, "--json"]));
    let long = again["report"]["handles"]["text"].as_str().unwrap();
    assert_eq!(printed(&recall(&store, &[long])), text);
}

#[test]
fn every_message_that_went_is_recalled() {
    let (folder, [.., chat_file]) = inputs();
    let store = folder.path().join("kept").to_string_lossy().into_owned();
    let answer = answered(&run(&[&chat_file, "--budget", "700", "--json", "--store", &store]));
    let (report, chat) = (&answer["report"], chat());
    let content = |id: &str| {
        let of = chat.as_array().unwrap().iter().find(|message| message["id"] == id).unwrap();
        let call = &of["tool_calls"][0]["function"];
        let called = || {
            format!("{} {}", call["name"].as_str().unwrap(), call["arguments"].as_str().unwrap())
        };
        of["content"].as_str().map_or_else(called, ToOwned::to_owned)
    };
    let went = ["dropped", "shortened"].map(|how| report[how].as_array().unwrap().clone()).concat();
    assert!(went.len() > 20, "{report}");
    for id in went.iter().map(|id| id.as_str().unwrap()) {
        let handle = report["handles"][id].as_str().unwrap();
        assert_eq!(printed(&recall(&store, &[handle])), content(id), "{id}");
    }
    assert_eq!(answer["messages"][0], chat[0], "what is pinned has changed");
}

#[test]
fn whoever_has_seen_enough_may_close_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.txt");
    fs::write(&file, "many words\n".repeat(30_000)).unwrap();
    let file = file.to_string_lossy().into_owned();
    let mut command = reduce(&[&file, "--budget", "1000000"]);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = running.stdout.take().unwrap();
    out.read_exact(&mut [0; 100]).unwrap();
    drop(out);
    let output = running.wait_with_output().unwrap();
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_standard_error_that_takes_nothing_is_no_failure() {
    let mut command = reduce(&["--budget", "10"]);
    let full = fs::File::options().write(true).open(Path::new("/dev/full")).unwrap();
    assert_eq!(command.stderr(full).status().unwrap().code(), Some(0));
}
