//! Reduces a context to a budget by a list of reducers.

mod builder;
mod report;
mod seal;
mod summary;

use std::sync::Arc;
use std::time::Instant;

pub use builder::ContextOptimizerBuilder;
pub use report::{DropReason, Dropped, Marked, ReducedContext, ReducerReport, Report, Shortened};

pub use summary::{Lost, SummarizingOptimizer, SummaryError, SummaryRequest};

use crate::count::TokenCounter;
use crate::draft::{Draft, Going, Marking, Task};
use crate::error::ContextError;
use crate::recall::{Handle, RecallError, RecallStore};
use crate::reducers::{Loss, Reducer};
use crate::relevance::Query;
use crate::segment::Segment;
use crate::share::Share;
use seal::Seal;

/// Reduces contexts to a token budget, by its reducers in the order of what they lose, the least
/// first, and by none more than it takes.
///
/// It keeps these laws:
/// - a context within the budget is left as it is, unless a
///   [least reduction](ContextOptimizerBuilder::with_min_reduction) is asked for;
/// - pinned segments stay byte for byte, a tool call and its result stay or go together, and a call
///   without a result stays as if it were pinned;
/// - what stays keeps its order, and reducing it again for the same query changes nothing;
/// - the result fits the budget, or the error says by how much what must stay exceeds it;
/// - the same segments, query, budget and reducers give the same result everywhere, the times in
///   the report excepted;
/// - every text that goes can be [recalled](Self::recall), byte for byte, also by the
///   [markers](crate::Marker) in the text, which take at most 2 % of the budget.
///
/// Tokens are those of the texts; what a provider adds around a message is not counted.
#[derive(Debug)]
pub struct ContextOptimizer {
    counter: Arc<dyn TokenCounter>,
    budget: usize,
    min_reduction: Share,
    reducers: Vec<Box<dyn Reducer>>,
    is_lossless: bool,
    recall: Arc<dyn RecallStore>,
    marking: Marking,
}

impl ContextOptimizer {
    /// An optimizer for a budget in tokens, as `counter` counts them.
    pub fn builder(counter: Arc<dyn TokenCounter>, budget: usize) -> ContextOptimizerBuilder {
        ContextOptimizerBuilder::new(counter, budget)
    }

    /// The budget in tokens.
    pub fn budget(&self) -> usize {
        self.budget
    }

    pub(crate) fn counter(&self) -> &Arc<dyn TokenCounter> {
        &self.counter
    }

    /// Where dropped texts are kept.
    pub fn recall_store(&self) -> &Arc<dyn RecallStore> {
        &self.recall
    }

    /// Reduces a context for a query, or for none.
    ///
    /// It counts and compares whole texts, so call it where blocking for milliseconds per megabyte
    /// is right: the time grows linearly with the text. Segments that already know their counts are
    /// not counted again.
    ///
    /// # Errors
    /// [`ContextError::PinnedExceedsBudget`] where what must stay is too much;
    /// [`DuplicateId`](ContextError::DuplicateId),
    /// [`ResultWithoutCall`](ContextError::ResultWithoutCall) and
    /// [`PairReused`](ContextError::PairReused) where the segments are no context;
    /// [`BudgetNotMet`](ContextError::BudgetNotMet) and
    /// [`KeptDropped`](ContextError::KeptDropped) where the reducers are at fault; and
    /// [`Recall`](ContextError::Recall) where a dropped text could not be kept.
    pub fn optimize(
        &self,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<ReducedContext, ContextError> {
        self.optimize_to(self.budget, segments, query)
    }

    /// As [`optimize`](Self::optimize), to another budget.
    pub(crate) fn optimize_to(
        &self,
        budget: usize,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<ReducedContext, ContextError> {
        self.reduce(budget, Loss::Lossy, segments, query)
    }

    /// As [`optimize_to`](Self::optimize_to), by the reducers that lose nothing.
    pub(crate) fn condense_to(
        &self,
        budget: usize,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<ReducedContext, ContextError> {
        self.reduce(budget, Loss::Lossless, segments, query)
    }

    fn reduce(
        &self,
        budget: usize,
        most_loss: Loss,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<ReducedContext, ContextError> {
        let task = Task { budget, reserve: 0, query, going: Going::Whole };
        let mut draft = Draft::new(segments, &*self.counter, task)?;
        let before = draft.tokens();
        let pinned = draft.kept_tokens();
        if let Some(excess) = pinned.checked_sub(budget).filter(|excess| *excess > 0) {
            return Err(ContextError::PinnedExceedsBudget { pinned, budget, excess });
        }
        // What must stay is all that more than the budget can ask for.
        let target = self.min_reduction.less(before).min(budget).max(pinned);
        let seal = Seal::of(segments, self, budget);
        let reducers = if before <= target || seal.is_known(&*self.recall)? {
            Vec::new()
        } else {
            draft.aim(target, target, self.marking);
            self.run_reducers(&mut draft, most_loss)?
        };
        let reduced = self.finish(budget, before, &draft, reducers)?;
        Seal::of(&reduced.segments, self, budget).keep(&*self.recall)?;
        match reduced.report.after.checked_sub(budget).filter(|excess| *excess > 0) {
            Some(excess) => Err(ContextError::BudgetNotMet { reached: Box::new(reduced), excess }),
            None => Ok(reduced),
        }
    }

    /// Reduces segments to a budget, but leaves of every call and result at least that they were. Where
    /// that is more than the budget, so is the result.
    pub(crate) fn mute_to(
        &self,
        budget: usize,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<ReducedContext, ContextError> {
        let task = Task { budget, reserve: 0, query, going: Going::Muted };
        let mut draft = Draft::new(segments, &*self.counter, task)?;
        let before = draft.tokens();
        // A result of which nothing else stays has to say that there was one.
        draft.aim(budget, self.budget, self.marking);
        let reducers = self.run_reducers(&mut draft, Loss::Lossy)?;
        self.finish(budget, before, &draft, reducers)
    }

    /// The text of a dropped segment, byte for byte, by the handle in the report.
    ///
    /// # Errors
    /// [`RecallError::Unknown`] where the store does not have it; anything else when the store
    /// fails.
    pub fn recall(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        self.recall.get(handle)
    }

    fn run_reducers<'o>(
        &'o self,
        draft: &mut Draft<'o>,
        most_loss: Loss,
    ) -> Result<Vec<ReducerReport>, ContextError> {
        let mut reports = Vec::with_capacity(self.reducers.len());
        let start = Instant::now();
        let (before, dropped) = (draft.tokens(), draft.dropped());
        draft.trim_markers(&*self.recall)?;
        if draft.tokens() < before {
            reports.push(report("markers", before, dropped, draft, start));
        }
        for reducer in self.reducers.iter().filter(|reducer| reducer.loss() <= most_loss) {
            let before = draft.tokens();
            if before <= draft.room() {
                break;
            }
            let dropped = draft.dropped();
            draft.enter(reducer.name());
            let start = Instant::now();
            reducer.reduce(draft)?;
            reports.push(report(reducer.name(), before, dropped, draft, start));
        }
        Ok(reports)
    }

    fn finish(
        &self,
        budget: usize,
        before: usize,
        draft: &Draft<'_>,
        reducers: Vec<ReducerReport>,
    ) -> Result<ReducedContext, ContextError> {
        let settled = draft.settle(&*self.recall, self.marking)?;
        let report = Report {
            encoding: self.counter.encoding().into(),
            budget,
            before,
            after: settled.tokens,
            reducers,
            dropped: settled.dropped,
            shortened: settled.shortened,
            markers: settled.markers,
            summary: None,
        };
        Ok(ReducedContext { segments: settled.segments, report })
    }
}

fn report(
    name: &str,
    before: usize,
    dropped: usize,
    draft: &Draft<'_>,
    start: Instant,
) -> ReducerReport {
    ReducerReport {
        name: name.into(),
        before,
        after: draft.tokens(),
        dropped: draft.dropped() - dropped,
        time: start.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::{Encoding, Tiktoken};

    #[test]
    fn of_two_like_results_that_are_muted_neither_goes_with_its_call() {
        let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
        let optimizer = ContextOptimizer::builder(counter, 1_000).build().unwrap();
        let lines: Vec<String> = (0..400).map(|n| format!("{n} times 7 is {}", n * 7)).collect();
        let (lines, more) = (lines.join("\n"), "\nand so on");
        let segments = [
            Segment::tool_call("c1", "p1", "count the numbers"),
            Segment::tool_result("r1", "p1", lines.as_str()),
            Segment::tool_call("c2", "p2", "count them again"),
            Segment::tool_result("r2", "p2", format!("{lines}{more}")),
        ];
        let muted = optimizer.mute_to(200, &segments, None).unwrap();
        let ids: Vec<&str> = muted.segments.iter().map(|segment| segment.id().as_str()).collect();
        assert_eq!(ids, ["c1", "r1", "c2", "r2"]);
        assert!(muted.report.after <= 200, "{}", muted.report.after);
    }
}
