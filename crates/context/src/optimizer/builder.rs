use std::collections::BTreeSet;
use std::sync::Arc;

use super::ContextOptimizer;
use crate::count::TokenCounter;
use crate::draft::Marking;
use crate::error::ContextError;
use crate::recall::{MemoryRecall, RecallStore};
use crate::reducers::{self, Loss, Reducer};
use crate::share::Share;

/// Makes a [`ContextOptimizer`]; begun by [`ContextOptimizer::builder`].
#[derive(Debug)]
pub struct ContextOptimizerBuilder {
    counter: Arc<dyn TokenCounter>,
    budget: usize,
    min_reduction: f64,
    most_loss: Loss,
    reducers: Vec<Box<dyn Reducer>>,
    recall: Option<Arc<dyn RecallStore>>,
    marking: Marking,
}

impl ContextOptimizerBuilder {
    pub(super) fn new(counter: Arc<dyn TokenCounter>, budget: usize) -> Self {
        Self {
            counter,
            budget,
            min_reduction: 0.0,
            most_loss: Loss::Lossy,
            reducers: Vec::new(),
            recall: None,
            marking: Marking::default(),
        }
    }

    /// Adds a reducer. Those that lose less run first, equals in the order added. Without any,
    /// there are the [default ones](reducers::defaults).
    pub fn with_reducer(mut self, reducer: impl Reducer + 'static) -> Self {
        self.reducers.push(Box::new(reducer));
        self
    }

    /// Adds several reducers, in their order.
    pub fn with_reducers(mut self, reducers: impl IntoIterator<Item = Box<dyn Reducer>>) -> Self {
        self.reducers.extend(reducers);
        self
    }

    /// Runs no reducer that loses more than this. By default all run.
    ///
    /// With [`Loss::Lossless`] a budget may well not be met; the
    /// [error](ContextError::BudgetNotMet) then holds what could be had without loss.
    pub fn with_most_loss(mut self, loss: Loss) -> Self {
        self.most_loss = loss;
        self
    }

    /// Goes below the budget, if that is what it takes to reduce the tokens by this share, between 0
    /// and 1. By default 0: a context within the budget is left as it is. What must stay is never
    /// reduced.
    pub fn with_min_reduction(mut self, share: f64) -> Self {
        self.min_reduction = share;
        self
    }

    /// Puts no markers in the text where something went; the report still has a handle for all that
    /// did.
    pub fn without_markers(mut self) -> Self {
        self.marking = Marking::Unmarked;
        self
    }

    /// Keeps dropped texts here. By default a [`MemoryRecall`] that lives as long as the optimizer
    /// and grows with all that it drops.
    pub fn with_recall_store(mut self, store: Arc<dyn RecallStore>) -> Self {
        self.recall = Some(store);
        self
    }

    /// The optimizer.
    ///
    /// # Errors
    /// [`ContextError::ZeroBudget`]; [`ContextError::NoShare`] where the least reduction is not
    /// between 0 and 1; and [`ContextError::DuplicateReducer`] where two reducers have one name.
    pub fn build(self) -> Result<ContextOptimizer, ContextError> {
        if self.budget == 0 {
            return Err(ContextError::ZeroBudget);
        }
        let min_reduction = Share::new(self.min_reduction)?;
        let mut reducers = self.reducers;
        if reducers.is_empty() {
            reducers = reducers::defaults();
        }
        let mut names = BTreeSet::new();
        for reducer in &reducers {
            if !names.insert(reducer.name()) {
                return Err(ContextError::DuplicateReducer { name: reducer.name().to_owned() });
            }
        }
        reducers.retain(|reducer| reducer.loss() <= self.most_loss);
        reducers.sort_by_key(|reducer| reducer.loss());
        Ok(ContextOptimizer {
            counter: self.counter,
            budget: self.budget,
            min_reduction,
            reducers,
            is_lossless: self.most_loss == Loss::Lossless,
            recall: self.recall.unwrap_or_else(|| Arc::new(MemoryRecall::new())),
            marking: self.marking,
        })
    }
}
