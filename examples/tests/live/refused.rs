//! What is refused, and how.

use std::fs;
use std::process::Output;

use serde_json::json;

use super::{common, run};

/// Checks that a program that had begun to print could not go on.
fn check_failed(output: &Output, says: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{says}: {said}");
    assert!(said.contains(says) && !said.contains("panicked"), "{says}: {said}");
}

#[test]
fn what_is_wrong_with_the_command_is_told_with_exit_code_2() {
    let cases: [(&[&str], &str); 12] = [
        (&[], "--window <N>"),
        (&["--window", "0"], "give at least 1"),
        (&["--window", "wide"], "invalid value 'wide' for '--window <N>'"),
        (&["--window", "9", "--turns", "0"], "give at least 1"),
        (&["--window", "9", "--every", "0"], "give at least 1"),
        (&["x.json", "--window", "9", "--turns", "9"], "cannot be used with"),
        (&["--window", "9", "--quiet", "--json"], "cannot be used with"),
        (&["--window", "9", "--style", "telegram"], "openai, anthropic"),
        (&["--window", "9", "--encoding", "p50k"], "use o200k_base or cl100k_base"),
        (&["--window", "9", "--model", "large"], "--prices <FILE>"),
        (&["--window", "9", "--low", "0.9"], "cannot replay with a window of 9 tokens: "),
        (&["--window", "9", "--high", "1.5"], "cannot replay with a window of 9 tokens: "),
    ];
    for (arguments, says) in cases {
        common::check_refused(&run(arguments), 2, says);
    }
}

#[test]
fn what_is_no_transcript_is_told_with_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.json").to_string_lossy().into_owned();
    let cases = [
        ("", "line 1, column 0 is not JSON"),
        ("{\n\"messages\": [}", "line 2, column 14 is not JSON"),
        ("7", "give an array of them, or an object"),
        (r#"{"answer": 42}"#, "give an array of them, or an object"),
        (r#"["x"]"#, "$[0]"),
        (r#"[{"role":"boss","content":"x"}]"#, "$[0].role is the unknown role \"boss\""),
        ("[]", ", 0 in all, is an answer"),
        (r#"[{"role":"user","content":"x"}]"#, ", 1 in all, is an answer"),
        (r#"[{"role":"assistant","content":"x"}]"#, "there is no turn to replay"),
    ];
    for (json, says) in cases {
        fs::write(&path, json).unwrap();
        let output = run(&[&path, "--window", "100"]);
        common::check_refused(&output, 1, says);
        common::check_refused(&output, 1, "agent.json");
    }
    fs::write(&path, b"caf\xe9").unwrap();
    common::check_refused(&run(&[&path, "--window", "100"]), 1, "no character begins at byte 3");
    fs::remove_file(&path).unwrap();
    common::check_refused(&run(&[&path, "--window", "100"]), 1, "agent.json: No such file");
    let folder = folder.path().to_string_lossy().into_owned();
    common::check_refused(&run(&[&folder, "--window", "100"]), 1, "cannot read ");
}

#[test]
fn a_window_that_is_too_small_for_what_is_pinned_is_told() {
    check_failed(&run(&["--window", "50"]), "cannot send turn 1: the pinned part has ");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.json").to_string_lossy().into_owned();
    let long = "one two three four five ".repeat(20);
    let messages = json!([
        {"role": "user", "content": "short"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": long, "pinned": true},
        {"role": "assistant", "content": "no"}]);
    fs::write(&path, messages.to_string()).unwrap();
    let output = run(&[&path, "--window", "50"]);
    check_failed(&output, "cannot send turn 2: the pinned part has 10");
    check_failed(&output, "more than the budget of 50");
}

#[test]
fn prices_that_cannot_be_had_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json").to_string_lossy().into_owned();
    let given = ["--window", "9", "--prices", &path, "--model", "huge"];
    common::check_refused(&run(&given), 1, "prices.json: No such file");
    for (json, says) in [
        ("prices", "prices.json holds no prices: expected value at line 1 column 1"),
        (r#"{"huge": {"input": 3}}"#, "missing field `output`"),
        (r#"{"huge": {"input": 3, "output": 4, "cache": 5}}"#, "unknown field `cache`"),
    ] {
        fs::write(&path, json).unwrap();
        common::check_refused(&run(&given), 1, says);
    }
    let price = json!({"input": 3, "output": 4});
    fs::write(&path, json!({"small": price, "large": price}).to_string()).unwrap();
    let says = "no price is given for the model \"huge\": the table has large, small";
    common::check_refused(&run(&given), 2, says);
}

#[test]
fn a_plot_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none/turns.svg").to_string_lossy().into_owned();
    let output = run(&["--window", "9000", "--turns", "5", "--svg", &path]);
    check_failed(&output, "none/turns.svg: No such file");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("not recallable     0 tokens"), "the table is printed: {table}");
}
