//! The program `brief` as a user meets it: killed, given bad input, run again.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use common::{kill_once, program};

fn brief(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(program("brief"));
    command.arg(folder).args(more).stdin(Stdio::null());
    command
}

fn json(output: &Output) -> Value {
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {}", output.status, said());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with so many files that say something of retries.
fn folder(files: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..files {
        let text = format!("fn part_{i}() {{\n    // A retry waits {i} seconds.\n}}\n").repeat(40);
        fs::write(folder.path().join(format!("part_{i:03}.rs")), text).unwrap();
    }
    folder
}

#[test]
fn a_killed_brief_goes_on_without_reading_a_finished_file_again() {
    const FILES: u64 = 300;
    let folder = folder(300);
    let session = tempfile::tempdir().unwrap();
    let arguments = ["--question", "how does a retry wait?", "--json", "--jobs", "2", "--session"];
    let finished = || {
        let log = common::log(session.path());
        log.lines().filter(|line| line.contains("\"receipt\"") && line.contains("/files[")).count()
    };

    let mut kills = 0;
    let mut before = 0;
    for target in [1, 20, 60, 120, 200, 290] {
        let mut running = brief(folder.path(), &arguments)
            .arg(session.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Killed as soon as so many files are journaled, or a little later.
        kills += usize::from(kill_once(&mut running, Duration::ZERO, || finished() >= target));
        let now = finished();
        assert!(now >= before, "a finished file was lost");
        before = now;
    }
    assert!(kills >= 3, "only {kills} of the processes were killed in time");

    let known = finished() as u64;
    let last = json(&brief(folder.path(), &arguments).arg(session.path()).output().unwrap());
    assert_eq!(last["files"], FILES);
    // The last line may have been torn by the kill, and is then read again; nothing else is.
    let read = last["files_read"].as_u64().unwrap();
    assert_eq!(last["branches_replayed"].as_u64().unwrap() + read, FILES);
    assert!(read <= FILES - known + 1, "{known} files were journaled, and {read} read again");

    // Nothing is read a second time, and the result is that of a run that was never killed.
    let again = json(&brief(folder.path(), &arguments).arg(session.path()).output().unwrap());
    assert_eq!((&again["files_read"], &again["branches_replayed"]), (&0.into(), &FILES.into()));
    let fresh = tempfile::tempdir().unwrap();
    let unkilled =
        json(&brief(folder.path(), &arguments).arg(fresh.path().join("s")).output().unwrap());
    assert_eq!(unkilled["brief"], again["brief"]);
    assert_eq!(last["brief"], again["brief"]);
}

#[test]
fn a_file_that_has_gone_for_a_while_does_not_spoil_the_session() {
    const FILES: usize = 12;
    let folder = folder(FILES);
    let session = tempfile::tempdir().unwrap();
    let arguments = ["--question", "how does a retry wait?", "--json", "--jobs", "4", "--session"];
    let run = || brief(folder.path(), &arguments).arg(session.path()).output().unwrap();
    assert_eq!(json(&run())["files"], FILES);

    // What a crash leaves that comes right after the last reading was begun: a beginning of the log.
    let chunks = common::chunks(session.path());
    let [log] = &chunks[..] else { panic!("one process leaves one chunk: {chunks:?}") };
    // By its card the session is known to have been closed.
    fs::remove_file(log.with_file_name("card.json")).unwrap();
    let all = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = all.split_inclusive('\n').collect();
    let begins = |line: &&str| line.contains("/files[") && line.contains("\"entered\"");
    let last = lines.iter().rposition(begins).unwrap();
    fs::write(log, lines[..=last].concat()).unwrap();

    // Those whose reading was begun and not finished.
    let of = |fact: &str| -> Vec<String> {
        let name = |line: &str| {
            let at = line.find("/files[")? + "/files[".len();
            Some(line[at..].split(".rs").next()?.to_owned() + ".rs")
        };
        lines[..=last]
            .iter()
            .filter(|line| line.contains(fact))
            .filter_map(|line| name(line))
            .collect()
    };
    let (finished, mut open) = (of("\"receipt\""), of("\"entered\""));
    open.retain(|name| !finished.contains(name));
    assert!(!finished.is_empty() && !open.is_empty(), "{finished:?} {open:?}");

    let aside = tempfile::tempdir().unwrap();
    for name in &open {
        fs::rename(folder.path().join(name), aside.path().join(name)).unwrap();
    }
    assert_eq!(json(&run())["files"], FILES - open.len());
    for name in &open {
        fs::rename(aside.path().join(name), folder.path().join(name)).unwrap();
    }
    assert_eq!(json(&run())["files"], FILES);
}

#[test]
fn a_changed_file_is_new_work_and_no_divergence() {
    let folder = folder(5);
    let session = tempfile::tempdir().unwrap();
    let run = || {
        json(
            &brief(folder.path(), &["--question", "retry", "--json", "--session"])
                .arg(session.path())
                .output()
                .unwrap(),
        )
    };
    assert_eq!(run()["files_read"], 5);
    fs::write(folder.path().join("part_001.rs"), "// The retry gives up after a week.\n").unwrap();
    fs::write(folder.path().join("new.rs"), "// Another retry.\n").unwrap();
    fs::remove_file(folder.path().join("part_002.rs")).unwrap();
    let changed = run();
    assert_eq!((&changed["files"], &changed["files_read"]), (&5.into(), &2.into()));
    assert!(changed["brief"].as_str().unwrap().contains("gives up after a week"));
    assert_eq!(run()["files_read"], 0);
}

#[test]
fn each_question_has_a_session_of_its_own_in_one_folder() {
    let folder = folder(3);
    let sessions = tempfile::tempdir().unwrap();
    let ask = |question: &str| {
        let arguments = ["--question", question, "--json", "--session"];
        json(&brief(folder.path(), &arguments).arg(sessions.path()).output().unwrap())
    };
    for (question, read) in [("retry", 3), ("wait", 3), ("retry", 0), ("wait", 0)] {
        assert_eq!(ask(question)["files_read"], read, "{question}");
    }
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = folder(1);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_string_lossy().into_owned();
    fs::write(path("file"), "text").unwrap();
    fs::create_dir(path("empty")).unwrap();
    let here = folder.path().to_string_lossy().into_owned();
    let (file, empty, missing) = (path("file"), path("empty"), path("missing"));
    let out = path("missing/brief.md");

    let damaged = path("damaged");
    assert!(
        brief(folder.path(), &["--question", "retry", "--session", &damaged])
            .output()
            .unwrap()
            .status
            .success()
    );
    common::damage(Path::new(&damaged), "walk", "wall");

    let cases: [(&str, &[&str], i32, &str); 11] = [
        (&missing, &["--question", "x"], 2, "cannot read the folder"),
        (&file, &["--question", "x"], 2, "is a file"),
        (&empty, &["--question", "x"], 1, "holds no files"),
        (&here, &["--question", " "], 2, "the question is empty"),
        (&here, &[], 2, "--question"),
        (&here, &["--question", "x", "--budget", "0"], 2, "at least 1"),
        (&here, &["--question", "x", "--budget", "20"], 2, "too small"),
        (&here, &["--question", "x", "--jobs", "0"], 2, "--jobs"),
        (&here, &["--question", "x", "--out", &out], 1, "cannot write"),
        (&here, &["--question", "x", "--out", &empty], 1, "cannot write"),
        (&here, &["--question", "retry", "--session", &damaged], 1, "is damaged at line"),
    ];
    for (folder, arguments, code, says) in cases {
        let output = brief(Path::new(folder), arguments).output().unwrap();
        common::check_refused(&output, code, says);
    }
    assert!(!Path::new(&out).exists());
    let left: Vec<_> = fs::read_dir(&empty).unwrap().collect();
    assert!(left.is_empty(), "something half written was left: {left:?}");
}

#[test]
fn what_is_not_read_is_said() {
    let folder = folder(1);
    let path = |name: &str| folder.path().join(name);
    fs::write(path("latin.txt"), b"caf\xe9 retry\n").unwrap();
    fs::write(path("binary.dat"), b"retry\0").unwrap();
    fs::write(path("huge.txt"), "retry ".repeat(400_000)).unwrap();
    fs::write(path("ignored.txt"), "retry").unwrap();
    fs::write(path(".gitignore"), "ignored.txt").unwrap();
    let said = json(&brief(folder.path(), &["--question", "retry", "--json"]).output().unwrap());
    assert_eq!(said["files"], 2);
    assert_eq!(said["files_repaired"], 1);
    assert_eq!(said["skipped"]["binary"][0], "binary.dat");
    assert_eq!(said["skipped"]["over 1 MiB"][0], "huge.txt");
    assert!(said["brief"].as_str().unwrap().contains("## latin.txt:1-1"));
    assert!(said["tokens_after"].as_u64().unwrap() <= 8000);

    // Nothing matches: the brief shows what there is, and the program says so.
    let output = brief(folder.path(), &["--question", "zebra"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no file says any term"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("## part_000.rs"));
}

#[test]
fn the_budget_holds_and_the_output_is_written_whole() {
    let folder = folder(50);
    let out = folder.path().join("brief.md");
    for budget in [500, 1000, 5000] {
        let said = json(
            &brief(folder.path(), &["--question", "how long does a retry wait?", "--json"])
                .args(["--budget", &budget.to_string(), "--out"])
                .arg(&out)
                .output()
                .unwrap(),
        );
        assert!(said["tokens_after"].as_u64().unwrap() <= budget);
        assert_eq!(said["files"], 50, "the brief itself is no part of the folder");
        assert!(fs::read_to_string(&out).unwrap().starts_with("# Task"));
    }
}
