use std::collections::{HashMap, HashSet};

use maniple_core::RecordedError;
use serde::{Deserialize, Serialize};

use super::child::Child;

/// Which children count, as it is journaled before anybody hears of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The only ones that count; all that are not listed below, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<Vec<Child>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<(Child, RecordedError)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cancelled: Vec<Child>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) suspended: Vec<Child>,
    /// Whether its deadline had passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) late: bool,
}

/// How an earlier process, or attempt, has settled a pattern.
#[derive(Debug)]
pub(super) struct Settlement {
    ok: Option<HashSet<Child>>,
    left_out: HashMap<Child, Fate>,
    late: bool,
}

/// Why a child does not count.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Failed(RecordedError),
    Cancelled,
    Suspended,
    Skipped,
}

impl Settlement {
    /// How many children were come by when it was settled, where those were not all.
    pub(super) fn came_by(&self) -> Option<usize> {
        self.ok.as_ref().map(|ok| ok.len() + self.left_out.len())
    }

    /// Whether its deadline had passed.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    /// What is left of a child to do: nothing, where it does not count.
    pub(super) fn fate(&self, child: &Child) -> Option<Fate> {
        if let Some(fate) = self.left_out.get(child) {
            return Some(fate.clone());
        }
        let counts = self.ok.as_ref().is_none_or(|ok| ok.contains(child));
        (!counts).then_some(Fate::Skipped)
    }
}

impl From<Record> for Settlement {
    fn from(record: Record) -> Self {
        let failed = record.failed.into_iter().map(|(child, error)| (child, Fate::Failed(error)));
        let cancelled = record.cancelled.into_iter().map(|child| (child, Fate::Cancelled));
        let suspended = record.suspended.into_iter().map(|child| (child, Fate::Suspended));
        Self {
            ok: record.ok.map(HashSet::from_iter),
            left_out: failed.chain(cancelled).chain(suspended).collect(),
            late: record.late,
        }
    }
}
