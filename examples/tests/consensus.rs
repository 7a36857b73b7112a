//! The program `consensus`: what it says, what the stopped have not read, and what is left of it after
//! SIGKILL.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const RUST: &str = "pub fn next(mut x: usize) -> usize { x += 1; x }\n";

/// So many files of so many lines in Rust, and one that only its shebang gives away as Python.
fn folder(files: usize, lines: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("Cargo.toml", "[package]\n");
    write("tool", "#!/usr/bin/env python3\n");
    for number in 0..files {
        write(&format!("{number:03}.rs"), &RUST.repeat(lines));
    }
    folder
}

fn consensus(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(common::program("consensus"));
    command.arg(folder).args(arguments).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    consensus(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The values of one kind that were printed.
fn printed(output: &Output, kind: &str) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter_map(|value| value.get(kind).cloned()).collect()
}

/// The one verdict of a command that ends with this exit code.
fn verdict(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let output = run(folder, &[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    let [verdict] = &printed(&output, "verdict")[..] else { panic!("not one verdict") };
    verdict.clone()
}

fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        Value::Object(of) => of.keys().cloned().collect(),
        other => panic!("{other} has no names"),
    }
}

/// Who counts, and who does not, whatever the time.
fn parties(verdict: &Value) -> Vec<BTreeSet<String>> {
    let parties = ["agreed", "dissented", "failed", "stopped", "not_begun"];
    parties.iter().map(|party| names(&verdict[party])).collect()
}

#[test]
fn a_majority_is_enough_and_who_is_not_needed_reads_nothing() {
    let folder = folder(10, 5);
    let verdict = verdict(folder.path(), &["--jobs", "1"], 0);
    assert_eq!(verdict["language"], "Rust");
    assert_eq!(verdict["agreed"], json!(["manifests", "files", "bytes", "lines"]));
    assert_eq!(verdict["dissented"], json!({"shebangs": "Python"}));
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap());
    let bytes: u64 = files.map(|metadata| metadata.len()).sum();
    let all = json!({"of_files": 12, "unread_files": 12, "unread_bytes": bytes});
    assert_eq!(verdict["not_begun"], json!({"words": all}));
}

#[test]
fn who_still_reads_when_it_is_settled_is_stopped_in_the_middle() {
    let folder = folder(100, 800);
    let arguments = ["--judges", "words,lines,files", "--jobs", "3", "--first", "1", "--all"];
    let output = run(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let [verdict] = &printed(&output, "verdict")[..] else { panic!("not one verdict") };
    assert_eq!(verdict["agreed"], json!(["files"]));
    for judge in ["words", "lines"] {
        let unread = &verdict["stopped"][judge];
        assert!(unread["unread_files"].as_u64().unwrap() >= 50, "{judge}: {unread}");
        assert!(unread["unread_bytes"].as_u64().unwrap() >= 1_000_000, "{judge}: {unread}");
    }
    // The others go on to the end where they are asked to.
    let [all] = &printed(&output, "all")[..] else { panic!("not one comparison") };
    assert_eq!(names(&all["agreed"]).len(), 3);
    assert!(all["wall_micros"].as_u64() > verdict["wall_micros"].as_u64());
}

#[test]
fn each_rule_has_its_verdict() {
    let folder = folder(10, 5);
    let rust = ["manifests", "files", "bytes", "lines", "words"].map(str::to_owned);
    let cases: [(&[&str], i32, usize); 8] = [
        (&["--quorum", "1"], 0, 1),
        (&["--quorum", "5"], 0, 5),
        (&["--quorum", "6"], 3, 0),
        (&["--first", "2", "--judges", "files,lines"], 0, 2),
        (&["--best"], 0, 5),
        (&["--within", "60"], 0, 5),
        (&["--within", "60", "--min", "6"], 0, 5),
        (&["--within", "0"], 3, 0),
    ];
    for (arguments, code, agreed) in cases {
        // In their order, so that nobody but the first is asked where one is enough.
        let verdict = verdict(folder.path(), &[arguments, &["--jobs", "1"]].concat(), code);
        assert_eq!(verdict["language"], if code == 0 { json!("Rust") } else { Value::Null });
        assert_eq!(verdict["problem"].is_null(), code == 0);
        let names = names(&verdict["agreed"]);
        assert_eq!(names.len(), agreed, "{arguments:?}: {verdict}");
        assert!(names.iter().all(|name| rust.contains(name)));
    }
    let output = run(folder.path(), &["--best", "--json"]);
    let answers = printed(&output, "answer");
    let confidence = |answer: &Value| answer["confidence"].as_f64().unwrap();
    assert_eq!(answers.len(), 6);
    assert!(answers.iter().all(|answer| (0.0..1.0).contains(&confidence(answer))));
}

#[test]
fn judges_find_languages_by_what_they_look_at() {
    let folder = tempfile::tempdir().unwrap();
    // Each file in a place of its own: what it holds, who judges, and what that is.
    let cases = [
        ("package.json", "{}", "manifests", json!("JavaScript")),
        ("pyproject.toml", "", "manifests", json!("Python")),
        ("a.go", "", "files", json!("Go")),
        ("a.cpp", "int x;", "bytes", json!("C++")),
        ("a.kt", "\n \nval x\n", "lines", json!("Kotlin")),
        ("run", "#!/bin/bash -e\n", "shebangs", json!("Shell")),
        ("run", "#!/usr/bin/env -S ruby -w\n", "shebangs", json!("Ruby")),
        ("notes", "; -*- mode: Python; x: y -*-\n", "shebangs", json!("Python")),
        ("notes", "/* -*- C -*- */\n", "shebangs", json!("C")),
        ("notes", "# vim: set ts=2 ft=php:\n", "shebangs", json!("PHP")),
        ("notes.txt", RUST, "words", json!("Rust")),
        ("notes.txt", "func f(a []int) { if err != nil { len(a) } }", "words", json!("Go")),
        ("notes.txt", "then it is done, and we let others match it", "words", Value::Null),
        ("notes.txt", "pub fn mut\0", "words", Value::Null),
        ("a.rs", " \n\n", "lines", Value::Null),
        ("a.txt", "text", "files", Value::Null),
        (".rs", "text", "files", Value::Null),
    ];
    for (number, (name, text, judge, language)) in cases.into_iter().enumerate() {
        let place = folder.path().join(number.to_string());
        fs::create_dir(&place).unwrap();
        fs::write(place.join(name), text).unwrap();
        let code = if language.is_null() { 3 } else { 0 };
        let verdict = verdict(&place, &["--judges", judge], code);
        assert_eq!(verdict["language"], language, "{judge} of {name} with {text:?}");
    }

    let typed = folder.path().join("typed");
    fs::create_dir(&typed).unwrap();
    for name in ["package.json", "tsconfig.json"] {
        fs::write(typed.join(name), "{}").unwrap();
    }
    assert_eq!(verdict(&typed, &["--judges", "manifests"], 0)["language"], "TypeScript");
    fs::remove_file(typed.join("tsconfig.json")).unwrap();
    fs::write(typed.join("go.mod"), "").unwrap();
    let tied = verdict(&typed, &["--judges", "manifests"], 3);
    let why = "there are as many build manifests of Go as of JavaScript";
    assert_eq!(tied["failed"], json!({"manifests": why}));
}

#[test]
fn judges_without_an_opinion_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let session = tempfile::tempdir().unwrap();
    let session = session.path().to_string_lossy().into_owned();
    for prose in [None, Some("This is prose.")] {
        if let Some(prose) = prose {
            fs::write(folder.path().join("prose.txt"), prose).unwrap();
        }
        let arguments = ["--jobs", "1", "--session", &session];
        let first = verdict(folder.path(), &arguments, 3);
        assert_eq!(first["language"], Value::Null);
        assert!(names(&first["agreed"]).is_empty());
        // Three of six are too many for a majority.
        assert_eq!(names(&first["failed"]).len(), 3);
        assert_eq!(first["failed"]["files"], "there are no source files");
        assert!(first["problem"].as_str().unwrap().contains("where 4 of 6 judges have to"));
        let again = verdict(folder.path(), &arguments, 3);
        assert_eq!(again["problem"], first["problem"]);
    }
}

#[test]
fn answers_that_were_journaled_are_not_given_again_after_a_kill() {
    let folder = folder(100, 800);
    let session = tempfile::tempdir().unwrap();
    let path = session.path().to_string_lossy().into_owned();
    let arguments = ["--best", "--jobs", "6", "--session", &path];
    let finished = || common::log(session.path()).matches(r#"{"receipt":"#).count();
    let mut running = consensus(folder.path(), &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = common::kill_once(&mut running, Duration::ZERO, || finished() >= 3);
    assert!(killed, "not killed in time");
    let known = finished() as u64;

    let last = verdict(folder.path(), &arguments, 0);
    let replayed = last["replayed"].as_u64().unwrap();
    // The last line may have been torn by the kill.
    assert!(replayed + 1 >= known && (2..6).contains(&replayed), "{replayed} of {known}");
    assert_eq!(parties(&last), parties(&verdict(folder.path(), &["--best"], 0)));
}

#[test]
fn who_has_won_stays_the_same_after_a_kill_and_only_for_the_same_files() {
    let folder = folder(100, 800);
    let session = tempfile::tempdir().unwrap();
    let path = session.path().to_string_lossy().into_owned();
    // Those that take longest come first, so that one at a time would have others win.
    let judges = "words,lines,shebangs,bytes,files,manifests";
    let arguments = ["--judges", judges, "--first", "2", "--session", &path];

    // Killed while all of them are heard for comparison, which is behind the verdict.
    let all_at_once = [&arguments[..], &["--jobs", "6", "--all", "--json"]].concat();
    let mut running =
        consensus(folder.path(), &all_at_once).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut said = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = said.find_map(|value| value.get("verdict").cloned()).unwrap();
    assert!(common::kill_once(&mut running, Duration::ZERO, || true), "not killed in time");
    assert_eq!(names(&first["agreed"]).len() + names(&first["dissented"]).len(), 2);
    assert!(!names(&first["agreed"]).contains("words"), "{first}");

    let one_by_one = [&arguments[..], &["--jobs", "1"]].concat();
    for _ in 0..2 {
        let again = verdict(folder.path(), &one_by_one, 0);
        assert_eq!(parties(&again), parties(&first));
        assert_eq!(again["replayed"], 2);
    }

    fs::write(folder.path().join("new.rs"), RUST).unwrap();
    let changed = verdict(folder.path(), &one_by_one, 0);
    assert_eq!(changed["agreed"], json!(["words", "lines"]));
    assert_eq!(changed["replayed"], 0);
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_not_read_and_what_cannot_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(3, 5);
    let pipe = folder.path().join("pipe.rs");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink(&pipe, folder.path().join("link.rs")).unwrap();
    let session = folder.path().join("session").to_string_lossy().into_owned();
    for _ in 0..2 {
        let output = run(folder.path(), &["--best", "--json", "--session", &session]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let files = printed(&output, "answer").into_iter().find(|it| it["judge"] == "files");
        assert_eq!(files.unwrap()["of"], 3);
    }

    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let secret = folder.path().join("000.rs");
    set(&secret, 0o000);
    if fs::File::open(&secret).is_ok() {
        println!("not tested: this user may read everything");
        return;
    }
    let output = run(folder.path(), &["--best", "--json"]);
    for answer in printed(&output, "answer") {
        let reads = ["shebangs", "lines", "words"].contains(&answer["judge"].as_str().unwrap());
        assert_eq!(answer["unreadable_files"], u64::from(reads), "{answer}");
    }
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    set(&locked, 0o000);
    let output = run(folder.path(), &[]);
    assert!(said(&output).contains("left out:") && said(&output).contains("locked"));
    let output = run(&locked, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("nothing in the folder can be read"), "{}", said(&output));
    set(&locked, 0o700);
}

#[test]
fn people_get_a_table() {
    let folder = folder(10, 5);
    let output = run(folder.path(), &["--jobs", "1"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for says in [
        "manifests  Rust        50.0 %  1 of 1 build manifests, after ",
        "\nRust: 4 of 6 judges agree, after ",
        "\n  agreed     manifests, files, bytes, lines\n",
        "\n  dissented  shebangs: Python\n",
        "\n  not begun  words: 12 of the 12 files that it reads were left unread, ",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = folder(1, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_string_lossy().into_owned();
    fs::write(path("file"), "text").unwrap();
    let here = folder.path().to_string_lossy().into_owned();
    let (file, missing, damaged) = (path("file"), path("missing"), path("damaged"));
    assert!(run(folder.path(), &["--session", &damaged]).status.success());
    common::damage(Path::new(&damaged), "consensus", "konsensus");

    let cases: [(&str, &[&str], i32, &str); 17] = [
        (&missing, &[], 2, "cannot read the folder"),
        (&file, &[], 2, "is a file"),
        (&here, &["--quorum", "9"], 2, "--quorum wants 9 answers, and only 6 judges are asked"),
        (&here, &["--first", "7"], 2, "--first wants 7 answers"),
        (&here, &["--first", "2", "--judges", "files"], 2, "only 1 judges are asked"),
        (&here, &["--within", "1", "--min", "7"], 2, "--min wants 7 answers"),
        (&here, &["--within", "1", "--min", "0"], 2, "--min"),
        (&here, &["--min", "1"], 2, "--within"),
        (&here, &["--quorum", "0"], 2, "--quorum"),
        (&here, &["--within", "soon"], 2, "expected a number of seconds"),
        (&here, &["--within=-1"], 2, "negative"),
        (&here, &["--best", "--first", "1"], 2, "cannot be used with"),
        (&here, &["--judges", "files,files"], 2, "files is asked twice"),
        (&here, &["--judges", "nobody"], 2, "possible values: manifests, files"),
        (&here, &["--jobs", "0"], 2, "--jobs"),
        (&here, &["--session", &file], 1, "cannot create the directory"),
        (&here, &["--session", &damaged], 1, "is damaged at line"),
    ];
    for (folder, arguments, code, says) in cases {
        common::check_refused(&run(Path::new(folder), arguments), code, says);
    }
}
