//! Reduces a context to a budget by a list of reducers.

mod builder;
mod report;

use std::sync::Arc;
use std::time::Instant;

pub use builder::ContextOptimizerBuilder;
pub use report::{DropReason, Dropped, ReducedContext, ReducerReport, Report};

use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::recall::{Handle, RecallError, RecallStore};
use crate::reducers::{Cause, Draft, Reducer, Task};
use crate::relevance::{CorpusStats, Query};
use crate::segment::Segment;

/// Reduces contexts to a token budget, by its reducers in the order of what they lose, the least
/// first, and by none more than it takes.
///
/// It keeps these laws:
/// - a context within the budget is left as it is;
/// - pinned segments stay byte for byte, a tool call and its result stay or go together, and a call
///   without a result stays as if it were pinned;
/// - what stays keeps its order, and reducing it again for the same query changes nothing;
/// - the result fits the budget, or the error says by how much what must stay exceeds it;
/// - the same segments, query, budget and reducers give the same result everywhere, the times in
///   the report excepted;
/// - every dropped text can be [recalled](Self::recall), byte for byte.
///
/// Tokens are those of the texts; what a provider adds around a message is not counted.
#[derive(Debug)]
pub struct ContextOptimizer {
    counter: Arc<dyn TokenCounter>,
    budget: usize,
    reducers: Vec<Box<dyn Reducer>>,
    corpus: Option<CorpusStats>,
    recall: Arc<dyn RecallStore>,
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

    /// Reduces a context for a query, or for none.
    ///
    /// It counts and compares whole texts, so call it where blocking for milliseconds per megabyte
    /// is right. Segments that already know their count are not counted again.
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
        let corpus = self.corpus.as_ref();
        let mut draft =
            Draft::new(segments, &*self.counter, Task { budget: self.budget, query, corpus })?;
        let before = draft.tokens();
        let pinned = draft.kept_tokens();
        if let Some(excess) = pinned.checked_sub(self.budget).filter(|excess| *excess > 0) {
            return Err(ContextError::PinnedExceedsBudget { pinned, budget: self.budget, excess });
        }
        let reducers = self.run_reducers(&mut draft)?;
        let after = draft.tokens();
        if let Some(excess) = after.checked_sub(self.budget).filter(|excess| *excess > 0) {
            let (tokens, budget) = (after, self.budget);
            return Err(ContextError::BudgetNotMet { tokens, budget, excess });
        }
        let (segments, dropped) = self.settle(segments, &draft)?;
        let budget = self.budget;
        Ok(ReducedContext { segments, report: Report { budget, before, after, reducers, dropped } })
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
    ) -> Result<Vec<ReducerReport>, ContextError> {
        let mut reports = Vec::with_capacity(self.reducers.len());
        for reducer in &self.reducers {
            let before = draft.tokens();
            if before <= self.budget {
                break;
            }
            let dropped_before = draft.dropped();
            draft.enter(reducer.name());
            let start = Instant::now();
            reducer.reduce(draft)?;
            reports.push(ReducerReport {
                name: reducer.name().into(),
                before,
                after: draft.tokens(),
                dropped: draft.dropped() - dropped_before,
                time: start.elapsed(),
            });
        }
        Ok(reports)
    }

    /// Parts the segments that stay from those that go, whose texts it keeps for recall.
    fn settle(
        &self,
        segments: &[Segment],
        draft: &Draft<'_>,
    ) -> Result<(Vec<Segment>, Vec<Dropped>), ContextError> {
        let mut staying = Vec::new();
        let mut dropped = Vec::new();
        for (segment, fate) in segments.iter().zip(draft.fates()) {
            let Some((dropping, twin)) = fate else {
                staying.push(segment.clone());
                continue;
            };
            let handle = Handle::of(segment.text());
            self.recall
                .put(&handle, segment.text())
                .map_err(|source| ContextError::Recall { id: segment.id().clone(), source })?;
            let reason = match (dropping.cause, twin) {
                (Cause::DuplicateOf(_), Some(twin)) => DropReason::DuplicateOf(twin.id().clone()),
                _ => DropReason::OverBudget,
            };
            dropped.push(Dropped {
                id: segment.id().clone(),
                handle,
                tokens: segment.tokens(&*self.counter),
                source: segment.source().cloned(),
                reducer: dropping.reducer.clone(),
                reason,
            });
        }
        Ok((staying, dropped))
    }
}
