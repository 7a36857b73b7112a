use std::collections::BTreeSet;
use std::sync::Arc;

use super::ContextOptimizer;
use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::recall::{MemoryRecall, RecallStore};
use crate::reducers::{ExactDuplicates, Reducer, Selection};
use crate::relevance::CorpusStats;

/// Makes a [`ContextOptimizer`]; begun by [`ContextOptimizer::builder`].
#[derive(Debug)]
pub struct ContextOptimizerBuilder {
    counter: Arc<dyn TokenCounter>,
    budget: usize,
    reducers: Vec<Box<dyn Reducer>>,
    corpus: Option<CorpusStats>,
    recall: Option<Arc<dyn RecallStore>>,
}

impl ContextOptimizerBuilder {
    pub(super) fn new(counter: Arc<dyn TokenCounter>, budget: usize) -> Self {
        Self { counter, budget, reducers: Vec::new(), corpus: None, recall: None }
    }

    /// Adds a reducer. Those that lose less run first, equals in the order added. Without any,
    /// there are [`ExactDuplicates`] and [`Selection`].
    pub fn with_reducer(mut self, reducer: impl Reducer + 'static) -> Self {
        self.reducers.push(Box::new(reducer));
        self
    }

    /// How common the terms of the query are in a corpus larger than the contexts themselves. The
    /// statistics are those of one query, so use the optimizer for that query. By default each
    /// context is its own corpus.
    pub fn with_corpus(mut self, corpus: CorpusStats) -> Self {
        self.corpus = Some(corpus);
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
    /// [`ContextError::ZeroBudget`], and [`ContextError::DuplicateReducer`] where two reducers have
    /// one name.
    pub fn build(self) -> Result<ContextOptimizer, ContextError> {
        if self.budget == 0 {
            return Err(ContextError::ZeroBudget);
        }
        let mut reducers = self.reducers;
        if reducers.is_empty() {
            reducers = vec![Box::new(ExactDuplicates), Box::new(Selection)];
        }
        let mut names = BTreeSet::new();
        for reducer in &reducers {
            if !names.insert(reducer.name()) {
                return Err(ContextError::DuplicateReducer { name: reducer.name().to_owned() });
            }
        }
        reducers.sort_by_key(|reducer| reducer.loss());
        Ok(ContextOptimizer {
            counter: self.counter,
            budget: self.budget,
            reducers,
            corpus: self.corpus,
            recall: self.recall.unwrap_or_else(|| Arc::new(MemoryRecall::new())),
        })
    }
}
