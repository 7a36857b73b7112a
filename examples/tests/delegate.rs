//! The program `delegate` as a user meets it: what it finds, what it says of budgets, and bad input.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use common::program;

fn delegate(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(program("delegate"));
    command.arg(folder).args(more).stdin(Stdio::null()).output().unwrap()
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Folders of files of which each line says something else, some thirty windows of 2000 tokens.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..24 {
        let dir = folder.path().join(["net", "store", "docs"][at % 3]);
        fs::create_dir_all(&dir).unwrap();
        let line = |line: usize| {
            format!("Note {line} of page {at}: item {} was counted.\n", line * 37 + at)
        };
        fs::write(dir.join(format!("page_{at:02}.txt")), (0..170).map(line).collect::<String>())
            .unwrap();
    }
    folder
}

fn sum(parts: &Value, of: &str) -> u64 {
    parts.as_array().unwrap().iter().map(|part| part[of].as_u64().unwrap()).sum()
}

#[test]
fn planted_facts_are_found_and_the_sums_are_right() {
    let folder = folder();
    let before: Vec<_> = fs::read(folder.path().join("net/page_00.txt")).unwrap();
    let said = json(&delegate(folder.path(), &["--plant", "6", "--window", "2000", "--json"]));
    assert_eq!(said["route"], "delegated");
    let found = |way: &str| said["found"][way].as_u64().unwrap();
    assert_eq!(found("of"), 6);
    assert!(found("by_delegation") >= 5, "{}", said["facts"]);
    assert!(found("by_truncation") <= 2, "{}", said["facts"]);

    let (parts, number) = (&said["parts"], |name: &str| said[name].as_u64().unwrap());
    assert!(parts.as_array().unwrap().len() > 20);
    assert_eq!(sum(parts, "tokens") + number("kept"), number("condensed"));
    assert_eq!(sum(parts, "share"), number("shares"));
    for part in parts.as_array().unwrap() {
        let of = |name: &str| part[name].as_u64().unwrap();
        assert!(of("given") + of("answer") <= of("share") && of("spent") <= of("share"), "{part}");
        assert_eq!(of("given") + of("answer"), of("spent"), "{part}");
    }
    for fact in said["facts"].as_array().unwrap() {
        assert!(fact["merged_tokens"].as_u64().unwrap() <= 2_000);
        assert!(fact["line"].as_u64().unwrap() >= 1, "{fact}");
    }
    let after = fs::read(folder.path().join("net/page_00.txt")).unwrap();
    assert_eq!(before, after, "facts are planted in memory only");

    let facts = |seed: &str| {
        let arguments = ["--plant", "6", "--window", "2000", "--json", "--seed", seed];
        json(&delegate(folder.path(), &arguments))["facts"].clone()
    };
    assert_eq!(facts("7"), said["facts"], "the same seed gives the same");
    assert_ne!(facts("8"), said["facts"]);
}

#[test]
fn a_question_is_answered_within_the_window_and_the_budget() {
    let folder = folder();
    fs::write(folder.path().join("store/zebra.txt"), "The zebra sleeps behind the mill.\n")
        .unwrap();
    let arguments = ["--question", "Where does the zebra sleep?", "--window", "2000"];
    let said = json(&delegate(folder.path(), &[&arguments[..], &["--json"]].concat()));
    let answer = said["answer"].as_str().unwrap();
    assert!(answer.contains("store/zebra.txt:1") && answer.contains("behind the mill"), "{answer}");
    assert!(said["merged"].as_u64().unwrap() <= 2_000);

    let half = said["shares"].as_u64().unwrap() / 2;
    let budget = half.to_string();
    let tight = [&arguments[..], &["--json", "--budget", &budget]].concat();
    let said = json(&delegate(folder.path(), &tight));
    assert_eq!(said["shares"], half, "all of it is shared out");
    let spent = sum(&said["parts"], "spent");
    assert!(spent > 0 && spent <= half, "{spent}");
    assert!(said["answer"].as_str().unwrap().contains("behind the mill"));

    let text = delegate(folder.path(), &arguments);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("in all") && text.contains("behind the mill"), "{text}");
}

#[test]
fn a_folder_that_is_small_enough_is_given_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "The mill has two wheels.\n").unwrap();
    let said = json(&delegate(folder.path(), &["--question", "wheels?", "--json"]));
    assert_eq!((&said["route"], &said["shares"]), (&"as_is".into(), &0.into()));
    assert!(said["answer"].as_str().unwrap().contains("two wheels"));
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_string_lossy().into_owned();
    fs::write(path("file"), "text").unwrap();
    fs::create_dir(path("empty")).unwrap();
    fs::create_dir(path("binary")).unwrap();
    fs::write(path("binary/a"), b"a\0b").unwrap();
    let here = folder.path().to_string_lossy().into_owned();
    let ask = ["--question", "Where is item 7?"];
    let with = |more: &[&'static str]| [&ask[..], more].concat();
    let cases: [(&str, Vec<&str>, i32, &str); 11] = [
        (&path("missing"), with(&[]), 2, "cannot read the folder"),
        (&path("file"), with(&[]), 2, "is a file"),
        (&path("empty"), with(&[]), 1, "holds no files"),
        (&path("binary"), with(&[]), 1, "1 binary"),
        (&here, vec![], 2, "nothing is asked"),
        (&here, vec!["--question", " "], 2, "nothing is asked"),
        (&here, vec!["--plant", "0"], 2, "--plant"),
        (&here, with(&["--window", "4"]), 2, "the window is too small"),
        (&here, with(&["--window", "0"]), 2, "budget of 0"),
        (&here, with(&["--threshold", "2"]), 2, "share of 2"),
        (&here, with(&["--window", "2000", "--budget", "50"]), 2, "larger --budget"),
    ];
    for (folder, arguments, code, says) in cases {
        let output = delegate(Path::new(folder), &arguments);
        common::check_refused(&output, code, says);
    }
}

#[test]
fn what_is_not_read_is_said() {
    let folder = folder();
    fs::write(folder.path().join("latin.txt"), b"caf\xe9 item\n").unwrap();
    fs::write(folder.path().join("huge.txt"), "item ".repeat(300_000)).unwrap();
    let output = delegate(folder.path(), &["--question", "item", "--json", "--window", "2000"]);
    let said = json(&output);
    assert_eq!(said["files"], 24);
    assert_eq!(said["skipped"]["not UTF-8"][0], "latin.txt");
    assert_eq!(said["skipped"]["over 1 MiB"][0], "huge.txt");
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warned.contains("latin.txt") && warned.contains("huge.txt"), "{warned}");
}
