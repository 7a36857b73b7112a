use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use maniple_core::{AgentError, RunContext};

use super::branches::{Branches, DurableBranches};
use crate::fan_out::{Begun, FanOut, Naming, Sink};
use crate::partial::Partial;
use crate::policy::Tolerance;
use crate::report::PatternReport;

/// Agents that are run at the same time, each on a copy of one input, and how.
pub(crate) struct BranchSet<B: Branches> {
    branches: Arc<B>,
    run: RunBranch<B>,
    concurrency: Option<NonZeroUsize>,
    grace: Duration,
    recorded: bool,
}

/// Runs one branch of many.
type RunBranch<B> = for<'a> fn(
    &'a B,
    usize,
    <B as Branches>::Input,
    &'a RunContext,
) -> BoxFuture<'a, Result<<B as Branches>::Each, AgentError>>;

impl<B: Branches> BranchSet<B> {
    pub(crate) fn new(branches: B) -> Self {
        Self {
            branches: Arc::new(branches),
            run: B::run,
            concurrency: None,
            grace: crate::GRACE,
            recorded: false,
        }
    }

    pub(crate) fn with_concurrency(mut self, limit: usize) -> Self {
        self.concurrency = Some(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN));
        self
    }

    pub(crate) fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(crate) fn durable(mut self) -> Self
    where
        B: DurableBranches,
    {
        self.run = B::run_durable;
        self.recorded = true;
        self
    }

    pub(crate) fn branches(&self) -> &B {
        &self.branches
    }

    /// Runs all until the outcome is settled, and says which do not count.
    pub(crate) async fn drive(
        &self,
        pattern: &'static str,
        tolerance: Tolerance,
        input: B::Input,
        cx: &RunContext,
        sink: &mut (impl Sink<B::Each> + Send),
        report: &mut PatternReport,
    ) -> Result<Partial<(), B::Key>, AgentError> {
        if self.recorded {
            cx.check_shape(&(pattern, self.branches.names(), tolerance.shape()))?;
        }
        let count = self.branches.count();
        // Of each branch its own copy, made where it is started and not at the same time as others.
        let inputs: Vec<(usize, B::Input)> =
            (0..count).map(|index| (index, input.clone())).collect();
        let fan_out = FanOut {
            cx,
            inputs: inputs.into(),
            naming: self.branches.children()?.map_or(Naming::Index, Naming::Names),
            limit: self.concurrency.map_or(count, NonZeroUsize::get),
            grace: self.grace,
            tolerance,
            recorded: self.recorded,
        };
        let (branches, run) = (self.branches.clone(), self.run);
        let work = move |begun: Begun, (index, input)| {
            let branches = branches.clone();
            async move { run(&branches, index, input, &begun.cx).await }
        };
        let rest = fan_out.run(sink, |_| work, report).await?;
        Ok(rest.rename(|index| self.branches.key(index)))
    }
}

impl<B: Branches> fmt::Debug for BranchSet<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BranchSet")
            .field("branches", &self.branches.names())
            .field("concurrency", &self.concurrency)
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}

/// What the branches gave, by their places.
pub(crate) struct ByBranch<O>(pub(crate) Vec<Option<O>>);

impl<O> ByBranch<O> {
    pub(crate) fn of(count: usize) -> Self {
        Self((0..count).map(|_| None).collect())
    }
}

impl<O> Sink<O> for ByBranch<O> {
    fn put(&mut self, index: usize, output: Option<O>) {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = output;
        }
    }

    fn taken(&self) -> usize {
        self.0.len()
    }

    fn failure(&self, _: &RunContext) -> Option<AgentError> {
        None
    }
}
