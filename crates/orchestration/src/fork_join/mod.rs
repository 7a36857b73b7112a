//! Different agents over one input.

mod branches;
mod named;
mod tuple;

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext};
use tokio::time::Instant;

pub use branches::{Branches, DurableBranches};
pub use named::Named;

use crate::fan_out::{Begun, FanOut, Naming, Sink};
use crate::policy::{FailFast, Policy, Tolerance, Tolerant};
use crate::report::{PatternReport, Reported};
use branches::RunBranch;

/// Runs agents at the same time, each on a copy of the input, and joins their outputs by branch.
///
/// The agents are a tuple of up to eight, each of its own type, or a [named](Self::named) set of one
/// type. Each branch runs in the child of the pattern's context that its place in the tuple, or its
/// name, names. The first failure stops the others and is the pattern's, unless it is told to
/// [collect all](Self::collect_all).
///
/// ```
/// use maniple_core::{AgentError, Run, agent_fn};
/// use maniple_orchestration::ForkJoin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let words = agent_fn("words", |text: String, _cx| async move {
///     Ok(text.split_whitespace().count())
/// });
/// let shout = agent_fn("shout", |text: String, _cx| async move { Ok(text.to_uppercase()) });
///
/// let run = Run::builder("example").open().await?;
/// let (count, loud) = run.execute(ForkJoin::new("both", (words, shout)), "a b".into()).await?;
/// assert_eq!((count, loud.as_str()), (2, "A B"));
/// # Ok(())
/// # }
/// ```
pub struct ForkJoin<B: Branches, P = FailFast> {
    name: String,
    branches: Arc<B>,
    run: RunBranch<B>,
    concurrency: Option<NonZeroUsize>,
    grace: Duration,
    recorded: bool,
    tolerance: Tolerance,
    policy: PhantomData<fn() -> P>,
}

impl<B: Branches> ForkJoin<B> {
    /// Joins the outputs of a tuple of agents as a tuple.
    pub fn new(name: impl Into<String>, agents: B) -> Self {
        Self {
            name: name.into(),
            branches: Arc::new(agents),
            run: B::run,
            concurrency: None,
            grace: crate::GRACE,
            recorded: false,
            tolerance: Tolerance::FailFast,
            policy: PhantomData,
        }
    }

    /// Goes on past failures. What is joined is then a [`Partial`](crate::Partial), whose tuple has
    /// `None` where a branch has failed, and whose map lacks it.
    pub fn collect_all(self) -> ForkJoin<B, Tolerant> {
        ForkJoin {
            name: self.name,
            branches: self.branches,
            run: self.run,
            concurrency: self.concurrency,
            grace: self.grace,
            recorded: self.recorded,
            tolerance: Tolerance::CollectAll,
            policy: PhantomData,
        }
    }
}

impl<B: Branches, P: Policy> ForkJoin<B, P> {
    /// How many branches run at the same time; all of them by default, and 0 counts as 1.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.concurrency = Some(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN));
        self
    }

    /// How long branches that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Journals the output of each branch. A run that is opened again takes those from the journal
    /// and runs the others. The agents' names and order are recorded too: on resume a change of them
    /// is [`Diverged`](AgentError::Diverged).
    ///
    /// What cannot be journaled does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::ForkJoin;
    ///
    /// struct Opaque;
    /// let agent = agent_fn("agent", |_: u64, _cx| async move { Ok(Opaque) });
    /// ForkJoin::new("fork", (agent,)).durable();
    /// ```
    pub fn durable(mut self) -> Self
    where
        B: DurableBranches,
    {
        self.run = B::run_durable;
        self.recorded = true;
        self
    }

    /// As [`run`](BaseAgent::run), with what was measured.
    ///
    /// # Cancel safety
    /// Dropping it stops the branches that run; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, input: B::Input, cx: &RunContext) -> Reported<Joined<B, P>> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.drive(input, cx, &mut report).await;
        report.wall = began.elapsed();
        Reported { result, report }
    }

    async fn drive(
        &self,
        input: B::Input,
        cx: &RunContext,
        report: &mut PatternReport,
    ) -> Result<Joined<B, P>, AgentError> {
        if self.recorded {
            let names = self.branches.names();
            cx.check_shape(&("fork-join", names, format!("{:?}", self.tolerance)))?;
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
            tolerance: self.tolerance,
            recorded: self.recorded,
        };
        let (branches, run) = (self.branches.clone(), self.run);
        let work = move |begun: Begun, (index, input)| {
            let branches = branches.clone();
            async move { run(&branches, index, input, &begun.cx).await }
        };
        let mut outputs = ByBranch((0..count).map(|_| None).collect());
        let rest = fan_out.run(&mut outputs, |_| work, report).await?;
        let branches = &self.branches;
        let rest = rest.rename(|index| branches.key(index));
        Ok(P::output(rest.map(|()| branches.join(outputs.0)), B::all, |some| some))
    }
}

/// What a fork-join returns: the outputs of all branches, or a [`Partial`](crate::Partial) of those
/// that there are.
pub type Joined<B, P> =
    <P as Policy>::Output<<B as Branches>::All, <B as Branches>::Some, <B as Branches>::Key>;

struct ByBranch<O>(Vec<Option<O>>);

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

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: Branches, P: Policy> BaseAgent for ForkJoin<B, P> {
    type Input = B::Input;
    type Output = Joined<B, P>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: B::Input, cx: &RunContext) -> Result<Self::Output, AgentError> {
        self.run_reported(input, cx).await.result
    }
}

impl<B: Branches, P> fmt::Debug for ForkJoin<B, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkJoin")
            .field("name", &self.name)
            .field("branches", &self.branches.names())
            .field("tolerance", &self.tolerance)
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}
