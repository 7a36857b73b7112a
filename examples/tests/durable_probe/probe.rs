//! The program, and what it leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common;

pub(crate) const PATTERNS: [&str; 5] =
    ["pipeline", "map-reduce", "fork-join", "scatter-gather", "saga"];
pub(crate) const JOBS: usize = 4;

/// A session, an effects file, and the command on both.
pub(crate) struct Probe {
    folder: tempfile::TempDir,
    pattern: &'static str,
    pub(crate) steps: u64,
    more: Vec<&'static str>,
}

impl Probe {
    pub(crate) fn new(pattern: &'static str, steps: u64, more: &[&'static str]) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), pattern, steps, more: more.to_vec() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
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

    pub(crate) fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    /// Runs, and kills so long after so many lines were added to the effects; whether it was in time.
    pub(crate) fn kill_after(&self, lines: usize, then: Duration) -> bool {
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
    pub(crate) fn kill_settled(&self, then: Duration) -> bool {
        let mut running =
            self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        common::kill_once(&mut running, then, || self.winners().is_some())
    }

    /// How often each key has had its effect.
    pub(crate) fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        for line in fs::read_to_string(self.path("effects")).unwrap_or_default().lines() {
            *effects.entry(line.to_owned()).or_default() += 1;
        }
        effects
    }

    /// The keys of the steps whose receipts are on the disk.
    pub(crate) fn receipts(&self) -> BTreeSet<String> {
        let log = common::log(&self.path("session"));
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let receipts = whole.filter(|line| line.contains(r#""outcome":{"ok":"#));
        receipts.filter_map(|line| Some(step_of(line)?.to_owned())).collect()
    }

    /// The numbers of the responders that count, once the journal says who does. It says so once.
    pub(crate) fn winners(&self) -> Option<BTreeSet<u64>> {
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
    pub(crate) fn sum(&self) -> u64 {
        self.steps * (self.steps + 1) / 2
    }

    pub(crate) fn key(&self, number: u64) -> String {
        match self.pattern {
            "pipeline" => format!("/probe[{number}]/act/append"),
            "map-reduce" => format!("/probe[{number}]/append"),
            "saga" => format!("/probe[step-{number}]/do/step-{number}"),
            _ => format!("/probe[step-{number}]/append"),
        }
    }

    /// Whether each step of a saga that has had its effect was taken back behind that, and for none it
    /// began before what comes after it was.
    pub(crate) fn is_taken_back(&self) -> bool {
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

    pub(crate) fn assert_all_have_happened(&self) {
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
pub(crate) fn line(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.matches('\n').count(), 1, "{text:?} is not one line; {said}");
    serde_json::from_str(text).unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
