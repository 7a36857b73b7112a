use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::draft::Cause;
use crate::economics::{Price, Savings, Sent};
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
///
/// They add up: `after` is `before`, less the tokens of every dropped segment and what every
/// shortened one lost, with those of the markers that stand between segments. What the last reducer
/// left and what all markers take is `after`, too, but for a token or two where a marker joins what
/// stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the encoding in which tokens are counted.
    pub encoding: Box<str>,
    /// The budget in tokens.
    pub budget: usize,
    /// The tokens of the context that was given.
    pub before: usize,
    /// The tokens of what stays, markers included.
    pub after: usize,
    /// The reducers that ran, in order. One that was not needed is absent.
    pub reducers: Vec<ReducerReport>,
    /// The segments that went, in the order in which they were given.
    pub dropped: Vec<Dropped>,
    /// The segments that say less than they did, in the order in which they were given.
    pub shortened: Vec<Shortened>,
    /// The markers that were put where something went, in order.
    pub markers: Vec<Marked>,
    /// The tokens of the summary, where there is one; it is a part of `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<usize>,
}

impl Report {
    /// The share of the budget that is used: 1 where it is used up, more where it is exceeded.
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read, of tokens below 2^53")]
    pub fn utilisation(&self) -> f64 {
        self.after as f64 / self.budget as f64
    }

    /// What sending the context once costs before and after, where nothing of it is in a cache. What
    /// a summarizer has used is not in the report, and is not in the savings.
    pub fn savings(&self, price: &Price) -> Savings {
        let mut savings = Savings::new();
        savings.turn(price, Sent::new(self.before), Sent::new(self.after));
        savings
    }
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

/// A segment that says less than it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shortened {
    /// Its id.
    pub id: SegmentId,
    /// Recalls the text that it had.
    pub handle: Handle,
    /// The tokens of that text.
    pub before: usize,
    /// The tokens of what it says now, markers included.
    pub after: usize,
    /// Where it was read, if the host said so.
    pub source: Option<Source>,
    /// The names of the reducers that shortened it, in order.
    pub reducers: Vec<Box<str>>,
}

/// A marker in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Marked {
    /// Recalls what was where it stands.
    pub handle: Handle,
    /// Its tokens.
    pub tokens: usize,
}

/// Why a segment went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// This segment has the same text; a later reducer may have dropped it too.
    DuplicateOf(SegmentId),
    /// This segment has nearly the same text.
    SimilarTo(SegmentId),
    /// This segment, a later one, has made it obsolete.
    SupersededBy(SegmentId),
    /// Others were worth more of the budget.
    OverBudget,
}

impl DropReason {
    pub(crate) fn of(cause: Cause, twin: Option<SegmentId>) -> Self {
        match (cause, twin) {
            (Cause::DuplicateOf(_), Some(twin)) => Self::DuplicateOf(twin),
            (Cause::SimilarTo(_), Some(twin)) => Self::SimilarTo(twin),
            (Cause::SupersededBy(_), Some(twin)) => Self::SupersededBy(twin),
            _ => Self::OverBudget,
        }
    }
}
