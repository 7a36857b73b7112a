//! The example `handoff`, run as a person would run it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(common::program("handoff")).arg(folder).args(arguments).output().unwrap()
}

fn folder(files: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..files {
        fs::write(folder.path().join(format!("{number:03}.txt")), vec![b'x'; number]).unwrap();
    }
    folder
}

#[test]
fn what_a_killed_process_began_another_one_finishes_and_nothing_happens_twice() {
    let folder = folder(60);
    for _ in 0..3 {
        let output = run(folder.path(), &[]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("the ledger has each of 60 files once: true"), "{said}");
        // 1 + 2 + … + 59
        assert!(said.contains("1770 bytes\", 61 receipts: Verified"), "{said}");
        // What the first did is not done by the second.
        let numbers = |line: &str| -> Vec<u64> {
            let line = said.lines().find(|found| found.contains(line)).unwrap();
            line.split([' ', ':']).filter_map(|word| word.parse().ok()).collect()
        };
        let [_, by_first] = numbers("killed")[..] else { panic!("{said}") };
        let [_, replayed, found, worked_on] = numbers("went on")[..] else { panic!("{said}") };
        assert_eq!(replayed + found + worked_on, 60);
        assert_eq!(replayed + found, by_first, "{said}");
        assert!(by_first >= 20);
    }
}

#[test]
fn the_session_and_the_ledger_are_left_where_they_are_wanted() {
    let (folder, kept) = (folder(10), tempfile::tempdir().unwrap());
    let kept_in = kept.path().to_string_lossy().into_owned();
    assert!(run(folder.path(), &["--session", &kept_in]).status.success());
    assert!(common::log(kept.path()).contains("handed_off"));
    assert_eq!(fs::read_to_string(kept.path().join("ledger.jsonl")).unwrap().lines().count(), 10);
    let again = run(folder.path(), &["--session", &kept_in]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is work of an earlier time"));
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let one = folder(1);
    let missing = one.path().join("missing");
    let cases: [(&Path, &[&str], i32, &str); 3] = [
        (one.path(), &[], 2, "holds 1 files"),
        (&missing, &[], 1, "cannot read the folder"),
        (one.path(), &["--files", "1"], 2, "--files"),
    ];
    for (folder, arguments, code, says) in cases {
        common::check_refused(&run(folder, arguments), code, says);
    }
}
