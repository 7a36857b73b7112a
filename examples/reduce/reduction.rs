//! One context reduced.

use maniple::context::reducers::Loss;
use maniple::context::relevance::Query;
use maniple::context::{ContextError, ContextOptimizer, ReducedContext};

use crate::command::Task;
use crate::input::Context;
use crate::problem::Problem;

/// What a context came to.
#[derive(Debug)]
pub(crate) struct Reduction {
    pub(crate) reduced: ReducedContext,
    /// By how many tokens it exceeds the budget, which only happens where nothing may be lost.
    pub(crate) excess: usize,
}

impl Reduction {
    pub(crate) fn of(
        context: &Context,
        budget: usize,
        query: Option<&str>,
        task: &Task,
    ) -> Result<Self, Problem> {
        let mut builder = ContextOptimizer::builder(task.counter.clone(), budget)
            .with_min_reduction(task.min_reduction);
        // Without one the optimizer has its own, which ends with it and holds no case for the next.
        if let Some(store) = &task.store {
            builder = builder.with_recall_store(store.clone());
        }
        if task.is_lossless {
            builder = builder.with_most_loss(Loss::Lossless);
        }
        if !task.has_markers {
            builder = builder.without_markers();
        }
        let query = query.map(Query::new);
        match builder.build()?.optimize(context.segments(), query.as_ref()) {
            Ok(reduced) => Ok(Self { reduced, excess: 0 }),
            Err(ContextError::BudgetNotMet { reached, excess }) if task.is_lossless => {
                Ok(Self { reduced: *reached, excess })
            }
            Err(error) => Err(error.into()),
        }
    }
}
