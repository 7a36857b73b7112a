//! How it ends, killed or not, and what it says.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common;
use crate::probe::*;

#[test]
fn the_line_says_what_ran_and_what_was_replayed() {
    for pattern in PATTERNS {
        let probe = Probe::new(pattern, 30, &[]);
        let first = probe.run();
        assert_eq!(first.status.code(), Some(0), "{}", said(&first));
        let expected = r#"{"result":465,"steps_run":30,"steps_replayed":0,"in_doubt":0}"#;
        assert_eq!(String::from_utf8_lossy(&first.stdout), format!("{expected}\n"));
        let again = probe.run();
        assert_eq!(
            line(&again),
            json!({ "result": 465, "steps_run": 0, "steps_replayed": 30, "in_doubt": 0 })
        );
        probe.assert_all_have_happened();
        assert!(probe.effects().values().all(|times| *times == 1), "{pattern}: a step ran twice");
    }
}

#[test]
fn a_step_that_fails_ends_the_run_the_same_each_time() {
    for pattern in PATTERNS {
        let probe = Probe::new(pattern, 20, &["--fail-at", "7"]);
        let failed = probe.run();
        assert_eq!(failed.status.code(), Some(1));
        assert!(said(&failed).contains("step 7 fails"), "{}", said(&failed));
        assert_eq!(line(&failed)["result"], Value::Null);
        let effects = probe.effects();
        assert!(!effects.contains_key(&probe.key(7)));
        assert_eq!(pattern == "saga", probe.is_taken_back());

        let again = probe.run();
        assert_eq!(again.status.code(), Some(1));
        assert_eq!(said(&again), said(&failed));
        let line = line(&again);
        assert_eq!((&line["result"], &line["steps_run"]), (&Value::Null, &0.into()));
        assert_eq!(probe.effects(), effects, "{pattern}: something ran after the failure");
    }
}

#[test]
fn a_failure_outlives_a_kill() {
    for pattern in PATTERNS {
        let probe = Probe::new(pattern, 60, &["--fail-at", "50"]);
        assert!(probe.kill_after(20, Duration::ZERO), "{pattern}: not killed in time");
        for _ in 0..2 {
            let failed = probe.run();
            assert_eq!(failed.status.code(), Some(1));
            assert!(said(&failed).contains("step 50 fails"), "{}", said(&failed));
            assert_eq!(line(&failed)["result"], Value::Null);
        }
        assert!(!probe.effects().contains_key(&probe.key(50)));
    }
}

#[test]
fn a_step_that_may_run_again_does() {
    for (pattern, effect) in PATTERNS.into_iter().flat_map(|p| [(p, "pure"), (p, "idempotent")]) {
        let probe = Probe::new(pattern, 60, &["--effect", effect]);
        assert!(probe.kill_after(20, Duration::ZERO), "{pattern}: not killed in time");
        let line = line(&probe.run());
        assert_eq!(line["result"], probe.sum(), "{line}");
        probe.assert_all_have_happened();
        let in_doubt = line["in_doubt"].as_u64().unwrap();
        let repeats = probe.effects().values().map(|times| times - 1).sum::<usize>() as u64;
        match effect {
            "pure" => assert_eq!(in_doubt, 0, "a pure step has no intent to be in doubt of"),
            // One may have been killed before it had its effect.
            _ => assert!(repeats <= in_doubt, "{repeats}: {line}"),
        }
    }
}

/// The session, the effects, the number of steps, the pattern and what else is given; then the exit
/// code, and what is said.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [&'a str], i32, &'a str);

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("file"), "text").unwrap();
    let damaged = Probe::new("pipeline", 3, &[]);
    assert!(damaged.run().status.success());
    common::damage(&damaged.path("session"), "probe", "probf");

    let (session, effects) = (path("session"), path("effects"));
    let of = |probe: &Probe| probe.path("session").to_string_lossy().into_owned();
    let damaged = of(&damaged);
    let (file, nowhere) = (path("file"), path("missing/effects"));
    let root = folder.path().to_string_lossy().into_owned();
    let cases: [Case<'_>; 11] = [
        (&session, &effects, "3", "sage", &[], 2, "possible values: pipeline, map-reduce"),
        (&session, &effects, "3", "scatter", &[], 2, "invalid value 'scatter'"),
        (&session, &effects, "0", "pipeline", &[], 2, "--steps"),
        (&session, &effects, "many", "pipeline", &[], 2, "--steps"),
        (&session, &effects, "3", "pipeline", &["--jobs", "0"], 2, "--jobs"),
        (&session, &effects, "3", "pipeline", &["--fail-at", "3"], 2, "the last one is 2"),
        (&session, &effects, "3", "pipeline", &["--effect", "none"], 2, "--effect"),
        (&file, &effects, "3", "pipeline", &[], 1, "cannot create the directory"),
        (&session, &nowhere, "3", "pipeline", &[], 1, "cannot append to"),
        (&session, &root, "3", "pipeline", &[], 1, "cannot append to"),
        (&damaged, &effects, "3", "pipeline", &[], 1, "is damaged at line"),
    ];
    for (session, effects, steps, pattern, more, code, says) in cases {
        let mut command = Command::new(common::program("durable_probe"));
        command.args(["--session", session, "--effects", effects]);
        command.args(["--steps", steps, "--pattern", pattern]).args(more);
        common::check_refused(&command.output().unwrap(), code, says);
    }
    assert!(!Path::new(&effects).exists() || fs::read(&effects).unwrap().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    for pattern in PATTERNS {
        let mut command = Command::new(common::program("durable_probe"));
        command.arg("--session").arg(folder.path().join(pattern));
        command.args(["--effects", "/dev/full", "--steps", "5", "--pattern", pattern]);
        let output = command.output().unwrap();
        // A saga cannot take back what may be in the file.
        assert_eq!(output.status.code(), Some(if pattern == "saga" { 3 } else { 1 }));
        assert!(said(&output).contains("cannot append to /dev/full"), "{}", said(&output));
        assert_eq!(line(&output)["result"], Value::Null);
    }
}
