use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::recall::Handle;
use crate::segment::{Segment, SegmentId, Source};

/// A context within its budget, and how it came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReducedContext {
    /// What stays, in the order in which it was given.
    pub segments: Vec<Segment>,
    /// What it took.
    pub report: Report,
}

/// What a reduction did. Figures are counted and measured, none is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The budget in tokens.
    pub budget: usize,
    /// The tokens of the context that was given.
    pub before: usize,
    /// The tokens of what stays; `before` less those of every dropped segment.
    pub after: usize,
    /// The reducers that ran, in order. One that was not needed is absent.
    pub reducers: Vec<ReducerReport>,
    /// The segments that went, in the order in which they were given.
    pub dropped: Vec<Dropped>,
}

/// What one reducer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReducerReport {
    /// Its name.
    pub name: Box<str>,
    /// The tokens of the context when it began.
    pub before: usize,
    /// The tokens when it had ended.
    pub after: usize,
    /// How many segments it dropped.
    pub dropped: usize,
    /// How long it ran.
    pub time: Duration,
}

/// A segment that went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dropped {
    /// Its id.
    pub id: SegmentId,
    /// Recalls its text.
    pub handle: Handle,
    /// Its tokens.
    pub tokens: usize,
    /// Where it was read, if the host said so.
    pub source: Option<Source>,
    /// The name of the reducer that dropped it.
    pub reducer: Box<str>,
    /// Why.
    pub reason: DropReason,
}

/// Why a segment went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// This segment has the same text; a later reducer may have dropped it too.
    DuplicateOf(SegmentId),
    /// Others were worth more of the budget.
    OverBudget,
}
