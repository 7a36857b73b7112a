use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use maniple_core::{Fact, Key, Record};
use serde::{Deserialize, Serialize};

use crate::crash::{Crash, Moment};

/// One crash of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CrashPoint {
    /// The record at which a process dies, counted from 0 since the crash before it, or since the run
    /// began.
    pub record: usize,
    /// How it dies.
    pub moment: Moment,
}

/// The crashes of a run, one after the other. It is printed as the Rust expression that makes it, and
/// is in JSON a list: `[{"record":3,"moment":"before"}]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CrashSchedule {
    points: Vec<CrashPoint>,
}

impl CrashSchedule {
    /// Crashes at these records, each counted since the crash before it.
    pub fn new(crashes: impl IntoIterator<Item = (usize, Moment)>) -> Self {
        let point = |(record, moment)| CrashPoint { record, moment };
        Self { points: crashes.into_iter().map(point).collect() }
    }

    /// The crashes, in order.
    pub fn points(&self) -> &[CrashPoint] {
        &self.points
    }

    pub(super) fn then(&self, point: CrashPoint) -> Self {
        let mut points = self.points.clone();
        points.push(point);
        Self { points }
    }

    pub(super) fn without(&self, at: usize) -> Self {
        let mut points = self.points.clone();
        points.remove(at);
        Self { points }
    }

    pub(super) fn with(&self, at: usize, point: CrashPoint) -> Self {
        let mut points = self.points.clone();
        points[at] = point;
        Self { points }
    }
}

impl fmt::Display for CrashSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashSchedule::new([")?;
        for (i, CrashPoint { record, moment }) in self.points.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}({record}, Moment::{moment:?})")?;
        }
        f.write_str("])")
    }
}

/// A crash that has happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Crashed {
    /// Where it was to happen.
    pub point: CrashPoint,
    /// The record that was being written.
    pub record: Record,
}

impl Crashed {
    /// The step, branch, signal or context that the record is about.
    pub fn key(&self) -> &Key {
        &self.record.key
    }
}

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, record } = self;
        write!(f, "at record {}, {}, {}", point.record, What(record), point.moment)
    }
}

/// A record in words.
pub(super) struct What<'a>(pub(super) &'a Record);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.0.fact {
            Fact::Started { .. } => return f.write_str("the start of the run"),
            Fact::Finished { .. } => return f.write_str("the end of the run"),
            Fact::Intent { .. } => "the intent",
            Fact::Entered { .. } => "the entry",
            Fact::Receipt { .. } => "the receipt",
            Fact::Failed { .. } => "the failure",
            Fact::Abandoned => "the abandonment",
            Fact::Decided { .. } => "the decision",
            Fact::Awaited => "the wait",
            Fact::Delivered { .. } => "the delivery",
            Fact::Withdrawn => "the withdrawal",
            _ => "a record",
        };
        write!(f, "{what} of {}", self.0.key)
    }
}

/// Lets the processes of one run die by a schedule, and counts their records.
#[derive(Debug, Clone)]
pub(super) struct Executioner(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    schedule: CrashSchedule,
    crashed: Vec<Crashed>,
    /// Since the last crash.
    records: usize,
}

impl Executioner {
    pub(super) fn new(schedule: CrashSchedule) -> Self {
        let progress = Progress { schedule, crashed: Vec::new(), records: 0 };
        Self(Arc::new(Mutex::new(progress)))
    }

    /// What the next process is given.
    pub(super) fn crash(&self) -> Crash {
        let this = self.clone();
        Crash::when(move |_, record| this.sees(record))
    }

    fn sees(&self, record: &Record) -> Option<Moment> {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = progress.records;
        progress.records += 1;
        let next = progress.schedule.points.get(progress.crashed.len());
        let point = *next.filter(|point| point.record == at)?;
        progress.crashed.push(Crashed { point, record: record.clone() });
        progress.records = 0;
        Some(point.moment)
    }

    pub(super) fn crashed(&self) -> Vec<Crashed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).crashed.clone()
    }

    pub(super) fn records_since(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).records
    }
}
