//! The program `durable_probe`: what it says, and what is left of it after SIGKILL.
//!
//! `MANIPLE_KILLS=200` kills 200 times for each pattern instead of 20.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const PATTERNS: [&str; 5] = ["pipeline", "map-reduce", "fork-join", "scatter-gather", "saga"];
const JOBS: usize = 4;

/// A session, an effects file, and the command on both.
struct Probe {
    folder: tempfile::TempDir,
    pattern: &'static str,
    steps: u64,
    more: Vec<&'static str>,
}

impl Probe {
    fn new(pattern: &'static str, steps: u64, more: &[&'static str]) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), pattern, steps, more: more.to_vec() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(common::program("durable_probe"));
        command.arg("--session").arg(self.path("session"));
        command.arg("--effects").arg(self.path("effects"));
        command.args(["--pattern", self.pattern, "--steps", &self.steps.to_string()]);
        command.args(["--jobs", &JOBS.to_string()]).args(&self.more).stdin(Stdio::null());
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    /// Runs, and kills so long after so many lines were added to the effects; whether it was in time.
    fn kill_after(&self, lines: usize, then: Duration) -> bool {
        let mut running =
            self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let effects = self.path("effects");
        let length = || fs::metadata(&effects).map_or(0, |metadata| metadata.len());
        let count = || self.effects().values().sum::<usize>();
        let (begun, mut seen) = (count(), length());
        common::kill_once(&mut running, then, || {
            // Counted only where something was added.
            lines == 0
                || length() > seen && {
                    seen = length();
                    count() >= begun + lines
                }
        })
    }

    /// Runs, and kills so long after it was journaled who counts; whether it was in time.
    fn kill_settled(&self, then: Duration) -> bool {
        let mut running =
            self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        common::kill_once(&mut running, then, || self.winners().is_some())
    }

    /// How often each key has had its effect.
    fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        for line in fs::read_to_string(self.path("effects")).unwrap_or_default().lines() {
            *effects.entry(line.to_owned()).or_default() += 1;
        }
        effects
    }

    /// The keys of the steps whose receipts are on the disk.
    fn receipts(&self) -> BTreeSet<String> {
        let log = common::log(&self.path("session"));
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let receipts = whole.filter(|line| line.contains(r#""outcome":{"ok":"#));
        receipts.filter_map(|line| Some(step_of(line)?.to_owned())).collect()
    }

    /// The numbers of the responders that count, once the journal says who does. It says so once.
    fn winners(&self) -> Option<BTreeSet<u64>> {
        let log = common::log(&self.path("session"));
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut settled = whole.filter(|line| line.contains(r#""key":"/probe:%settled""#));
        let line: Value = serde_json::from_str(settled.next()?).unwrap();
        assert_eq!(settled.next(), None, "settled twice");
        let ok = &line["b"]["action"]["journal"]["fact"]["decided"]["value"]["ok"];
        let number = |name: &Value| name.as_str().unwrap()["step-".len()..].parse().unwrap();
        Some(ok.as_array().unwrap().iter().map(number).collect())
    }

    /// The sum of the numbers from 1 on.
    fn sum(&self) -> u64 {
        self.steps * (self.steps + 1) / 2
    }

    fn key(&self, number: u64) -> String {
        match self.pattern {
            "pipeline" => format!("/probe[{number}]/act/append"),
            "map-reduce" => format!("/probe[{number}]/append"),
            "saga" => format!("/probe[step-{number}]/do/step-{number}"),
            _ => format!("/probe[step-{number}]/append"),
        }
    }

    /// Whether each step of a saga that has had its effect was taken back behind that, and for none it
    /// began before what comes after it was.
    fn is_taken_back(&self) -> bool {
        let log = fs::read_to_string(self.path("effects")).unwrap();
        let place = |key: String| log.lines().rev().position(|line| line == key);
        let undo = |number| place(format!("/probe/undo[step-{number}]/undo/step-{number}"));
        (0..self.steps).all(|number| match (place(self.key(number)), undo(number)) {
            (None, _) => true,
            (Some(_), None) => false,
            // The places are counted from the end.
            (Some(done), Some(undone)) => {
                undone < done && undo(number + 4).is_none_or(|next| undone < next)
            }
        })
    }

    fn assert_all_have_happened(&self) {
        let wanted: BTreeSet<String> = (0..self.steps).map(|number| self.key(number)).collect();
        let happened: BTreeSet<String> = self.effects().into_keys().collect();
        assert_eq!(happened, wanted);
    }
}

/// The key of a record, where it is that of a step.
fn step_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(r#""key":""#)?;
    let (key, _) = rest.split_once('"')?;
    let is_step = key.ends_with("/append") || key.contains("]/do/") || key.contains("]/undo/");
    is_step.then_some(key)
}

/// The one line that was printed.
fn line(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.matches('\n').count(), 1, "{text:?} is not one line; {said}");
    serde_json::from_str(text).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn kills() -> usize {
    let asked = std::env::var("MANIPLE_KILLS").ok();
    asked.map_or(20, |kills| kills.parse().expect("MANIPLE_KILLS is a number"))
}

/// The same numbers each time (Marsaglia's xorshift); that the kills differ is seen to by the clocks.
struct Numbers(u64);

impl Numbers {
    fn micros(&mut self, most: usize) -> Duration {
        Duration::from_micros(self.up_to(most) as u64)
    }

    fn up_to(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + usize::try_from(self.0 % 1_000_003).unwrap() % most
    }
}

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

#[test]
fn a_killed_pipeline_goes_on() {
    goes_on("pipeline");
}

#[test]
fn a_killed_map_reduce_goes_on() {
    goes_on("map-reduce");
}

#[test]
fn a_killed_fork_join_goes_on() {
    goes_on("fork-join");
}

#[test]
fn a_killed_scatter_gather_goes_on() {
    goes_on("scatter-gather");
}

#[test]
fn a_killed_saga_goes_on() {
    goes_on("saga");
}

#[test]
fn a_killed_saga_that_fails_takes_back_what_it_has_done() {
    let wanted = kills();
    let mut numbers = Numbers(0x5A6A);
    let (mut killed, mut repeats) = (0, 0);
    while killed < wanted {
        let probe = Probe::new("saga", 120, &["--fail-at", "90"]);
        loop {
            let (effects, receipts) = (probe.effects(), probe.receipts());
            let (lines, then) = (numbers.up_to(60), numbers.micros(2_000));
            if !probe.kill_after(lines, then) {
                break;
            }
            killed += 1;
            check(&probe, &effects, &receipts);
        }
        let (effects, receipts) = (probe.effects(), probe.receipts());
        for _ in 0..2 {
            let last = probe.run();
            assert_eq!(last.status.code(), Some(1), "{}", said(&last));
            assert!(said(&last).contains("what was done was taken back"), "{}", said(&last));
        }
        check(&probe, &effects, &receipts);
        assert!(probe.is_taken_back());
        assert!(!probe.effects().contains_key(&probe.key(90)));
        repeats += probe.effects().values().map(|times| times - 1).sum::<usize>();
    }
    assert!(repeats <= JOBS * killed, "{repeats} repeats, after {killed} kills");
    println!("saga that fails: killed {killed} times, {repeats} repeats");
}

#[test]
fn a_reversible_step_in_doubt_takes_its_saga_back() {
    let (mut killed, mut taken_back) = (0, 0);
    let mut numbers = Numbers(0x5A6B);
    while killed < kills() {
        let probe = Probe::new("saga", 48, &["--effect", "reversible"]);
        if !probe.kill_after(numbers.up_to(24), numbers.micros(2_000)) {
            continue;
        }
        killed += 1;
        let last = probe.run();
        if last.status.code() == Some(0) {
            probe.assert_all_have_happened();
            continue;
        }
        taken_back += 1;
        assert_eq!(last.status.code(), Some(1), "{}", said(&last));
        assert!(said(&last).contains("what was done was taken back"), "{}", said(&last));
        assert!(probe.is_taken_back());
        assert!(probe.effects().values().all(|times| *times == 1), "something ran twice");
    }
    println!("saga, reversible: killed {killed} times, taken back {taken_back} times");
    assert!(taken_back > 0, "no kill left a step in doubt");
}

fn goes_on(pattern: &'static str) {
    let wanted = kills();
    let mut numbers = Numbers(0x5EED + pattern.len() as u64);
    let mut killed = 0;
    while killed < wanted {
        // One session, unless it ends before it was killed often enough.
        killed += kill_and_go_on(pattern, wanted - killed, &mut numbers);
    }
    println!("{pattern}: killed {killed} times");
}

/// Kills a run at most so many times, lets it go on to its end, and says how often it was killed.
fn kill_and_go_on(pattern: &'static str, most: usize, numbers: &mut Numbers) -> usize {
    let probe = Probe::new(pattern, 40 * most as u64, &[]);
    let mut killed = 0;
    while killed < most {
        let (effects, receipts) = (probe.effects(), probe.receipts());
        // One in four is killed while it opens the session and replays, the others among their steps.
        let (lines, then) = match numbers.up_to(4) {
            1 => (0, numbers.micros(30_000)),
            _ => (numbers.up_to(32), numbers.micros(2_000)),
        };
        if !probe.kill_after(lines, then) {
            break;
        }
        killed += 1;
        check(&probe, &effects, &receipts);
    }
    assert!(killed > 0, "{pattern}: not killed in time");
    let (effects, receipts) = (probe.effects(), probe.receipts());
    let last = probe.run();
    assert_eq!(last.status.code(), Some(0), "{}", said(&last));
    check(&probe, &effects, &receipts);

    let line = line(&last);
    let count = |name: &str| line[name].as_u64().unwrap();
    assert_eq!(count("result"), probe.sum(), "not what it is without a kill");
    assert_eq!(count("steps_run") + count("steps_replayed"), probe.steps);
    assert!(count("steps_replayed") >= receipts.len() as u64);
    probe.assert_all_have_happened();
    let effects = probe.effects();
    let repeats: usize = effects.values().map(|times| times - 1).sum();
    let most = effects.values().max().unwrap();
    assert!(repeats <= JOBS * killed, "{repeats} repeats, after {killed} kills");
    assert!(*most <= 1 + killed);
    println!(
        "{pattern}: one session of {} steps killed {killed} times: {repeats} repeats, one step at \
         most {most} times, {} steps in the last process",
        probe.steps,
        count("steps_run"),
    );
    killed
}

#[test]
fn a_killed_quorum_keeps_who_counts() {
    const STEPS: u64 = 48;
    let wanted = kills();
    let mut numbers = Numbers(0x5CA7);
    let (mut killed, mut settled, mut repeated) = (0, 0, 0);
    while killed < wanted {
        // A small one, so that it is settled many times.
        let probe = Probe::new("quorum", STEPS, &[]);
        let mut kills = 0;
        while killed < wanted {
            let (effects, receipts, winners) = (probe.effects(), probe.receipts(), probe.winners());
            let was_killed = match numbers.up_to(4) {
                1 => probe.kill_after(0, numbers.micros(30_000)),
                2 => probe.kill_settled(numbers.micros(2_000)),
                _ => probe.kill_after(numbers.up_to(12), numbers.micros(2_000)),
            };
            if !was_killed {
                break;
            }
            (killed, kills) = (killed + 1, kills + 1);
            check(&probe, &effects, &receipts);
            settled += usize::from(probe.winners().is_some());
            assert!(winners.is_none() || probe.winners() == winners);
        }
        let (effects, receipts, winners) = (probe.effects(), probe.receipts(), probe.winners());
        let last = probe.run();
        assert_eq!(last.status.code(), Some(0), "{}", said(&last));
        check(&probe, &effects, &receipts);
        let count = probe.winners().expect("it is settled");
        assert!(winners.is_none_or(|winners| winners == count));
        assert_eq!(count.len() as u64, STEPS / 2);
        assert!(
            count.iter().all(|number| number % 5 != 4),
            "one that has failed counts: {count:?}"
        );
        assert!(count.iter().all(|number| probe.effects().contains_key(&probe.key(*number))));
        assert_eq!(line(&last)["result"], count.iter().map(|number| number + 1).sum::<u64>());
        let effects = probe.effects();
        let repeats: usize = effects.values().map(|times| times - 1).sum();
        assert!(repeats <= JOBS * kills, "{repeats} repeats, after {kills} kills");
        repeated += repeats;

        let again = line(&probe.run());
        assert_eq!((&again["result"], &again["steps_run"]), (&line(&last)["result"], &0.into()));
        assert_eq!((probe.winners(), probe.effects()), (Some(count), effects));
    }
    assert!(settled > 0, "no kill came when it was settled");
    println!(
        "quorum: killed {killed} times, {settled} of them when it was settled: {repeated} repeats"
    );
}

/// No step that had a receipt has had its effect again.
fn check(probe: &Probe, before: &BTreeMap<String, usize>, receipts: &BTreeSet<String>) {
    let after = probe.effects();
    for key in receipts {
        assert_eq!(after.get(key), before.get(key), "{key} had a receipt, and ran again");
        assert!(after.contains_key(key), "{key} has a receipt and no effect");
    }
    let lost: Vec<_> = receipts.difference(&probe.receipts()).cloned().collect();
    assert!(lost.is_empty(), "receipts were lost: {lost:?}");
}

#[test]
fn an_irreversible_step_in_doubt_parks_the_run_and_never_runs_twice() {
    let wanted = kills();
    for pattern in PATTERNS {
        let mut numbers = Numbers(0xD0_0B7 + pattern.len() as u64);
        let (mut killed, mut parked) = (0, 0);
        while killed < wanted {
            let probe = Probe::new(pattern, 48, &["--effect", "irreversible"]);
            if !probe.kill_after(numbers.up_to(24), numbers.micros(2_000)) {
                continue;
            }
            killed += 1;
            // Where nothing was in doubt it goes on; where something was, it stays parked.
            let first = probe.run();
            let again = probe.run();
            assert_eq!(first.status.code(), again.status.code());
            let line = line(&again);
            if again.status.code() == Some(3) {
                parked += 1;
                assert_eq!(line["result"], Value::Null);
                // A saga has written down what waits, and nobody is in doubt any more.
                let in_doubt = line["in_doubt"].as_u64().unwrap();
                assert!(pattern == "saga" || in_doubt >= 1, "{line}");
                let said = said(&again);
                assert!(said.contains("parked until somebody decides: /probe["), "{said}");
            } else {
                assert_eq!(again.status.code(), Some(0), "{}", said(&again));
                assert_eq!((&line["result"], &line["in_doubt"]), (&probe.sum().into(), &0.into()));
                probe.assert_all_have_happened();
            }
            let effects = probe.effects();
            let twice: Vec<_> = effects.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{pattern}: ran twice: {twice:?}");
        }
        println!("{pattern}, irreversible: killed {killed} times, parked {parked} times");
        assert!(parked > 0, "{pattern}: no kill left a step in doubt");
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
        let output = command.output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{says}: {said}");
        assert!(said.contains(says), "{says}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(output.stdout.is_empty(), "{says}: something was printed of nothing");
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
