use maniple_core::{Class, Classify};

use crate::optimizer::ReducedContext;
use crate::recall::RecallError;
use crate::segment::{PairId, SegmentId};

/// Why a context could not be reduced.
///
/// But for a failing [`RecallStore`](crate::RecallStore), the same call fails again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A budget of nothing cannot hold anything.
    #[error("cannot reduce to a budget of 0 tokens: give at least 1")]
    ZeroBudget,
    /// A share is a number between 0 and 1.
    #[error("a share of {share} is none: give a number between 0 and 1")]
    NoShare {
        /// What was given.
        share: f64,
    },
    /// The parts of a delegation cannot all be given what each of them must have.
    #[error(
        "{parts} parts need at least {least} tokens, {excess} more than the budget of {budget}: \
         raise the budget, or pin less, for every part is given what is pinned"
    )]
    PartsExceedBudget {
        /// How many parts there are.
        parts: usize,
        /// The least tokens that they need together: for each the requirements, its answer, and one
        /// token of its own.
        least: usize,
        /// The budget in tokens.
        budget: usize,
        /// By how many tokens the one exceeds the other.
        excess: usize,
    },
    /// Two reducers answer to one name, so that no report could tell them apart.
    #[error("two reducers are named {name:?}: give each a name of its own")]
    DuplicateReducer {
        /// The shared name.
        name: String,
    },
    /// What must be kept is more than the budget.
    #[error(
        "the pinned part has {pinned} tokens, {excess} more than the budget of {budget}: \
         pin less or raise the budget"
    )]
    PinnedExceedsBudget {
        /// The tokens of all segments that must be kept: pinned, paired with a pinned one, or a
        /// pending call.
        pinned: usize,
        /// The budget in tokens.
        budget: usize,
        /// By how many tokens the one exceeds the other.
        excess: usize,
    },
    /// Every reducer has run, and more could only be dropped by one that is not there.
    #[error(
        "{} tokens are left after every reducer, {excess} more than the budget of {}: \
         add the Selection reducer, which always meets a budget",
        .reached.report.after, .reached.report.budget
    )]
    BudgetNotMet {
        /// What the reducers that are there have come to. It is as lawful as any, but for its size.
        reached: Box<ReducedContext>,
        /// By how many tokens it exceeds the budget.
        excess: usize,
    },
    /// Two segments have one id.
    #[error("segments {first} and {second}, counted from 0, are both named {id:?}")]
    DuplicateId {
        /// The shared id.
        id: SegmentId,
        /// Where the first one stands.
        first: usize,
        /// Where the second one stands.
        second: usize,
    },
    /// A tool result belongs to no call, or stands before it; or its call has left the window with a
    /// result that it already had.
    #[error("no call stands before the tool result {id:?}: keep a call and its results together")]
    ResultWithoutCall {
        /// The result.
        id: SegmentId,
        /// The pair that it names, if it names one.
        pair: Option<PairId>,
    },
    /// Two calls share a pair, so that their results cannot be told apart.
    #[error("the tool calls {first:?} and {second:?} share the pair {pair:?}: give each its own")]
    PairReused {
        /// The shared pair.
        pair: PairId,
        /// The first call.
        first: SegmentId,
        /// The second call.
        second: SegmentId,
    },
    /// A reducer tried to drop what must be kept. It is a defect of the reducer.
    #[error("the reducer {reducer:?} tried to drop {id:?}, which must be kept")]
    KeptDropped {
        /// The reducer's name.
        reducer: String,
        /// The first segment of what it tried to drop.
        id: SegmentId,
    },
    /// The low-water mark lies below the high-water mark, and both in the window.
    #[error(
        "no marks are {low} of the window below {high} of it: \
         give a low one above 0, and a higher one of at most 1"
    )]
    NoMarks {
        /// What was given as the low-water mark.
        low: f64,
        /// What was given as the high-water mark.
        high: f64,
    },
    /// The snapshot of a [`LiveContext`](crate::LiveContext) contradicts itself.
    #[error("the snapshot says that {sent} segments were sent, and holds {segments}")]
    SnapshotDamaged {
        /// How many segments it says were sent.
        sent: usize,
        /// How many it has.
        segments: usize,
    },
    /// A journal holds a compaction of another window.
    #[error(
        "the recorded compaction keeps the segments from {first} to before {end} of a window of \
         {segments}: it is of another run"
    )]
    ForeignCompaction {
        /// The first of the segments that it keeps.
        first: usize,
        /// The one after the last.
        end: usize,
        /// How many there are.
        segments: usize,
    },
    /// What was dropped could not be kept, so nothing is dropped.
    #[error("cannot reduce the context: what it would lose could not be kept for recall")]
    Recall {
        /// What the store said.
        source: RecallError,
    },
}

impl Classify for ContextError {
    fn class(&self) -> Class {
        match self {
            Self::Recall { source, .. } => source.class(),
            _ => Class::Permanent,
        }
    }
}
