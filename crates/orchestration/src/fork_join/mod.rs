//! Different agents over one input.

mod branches;
mod named;
mod set;
mod tuple;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext};
use tokio::time::Instant;

pub use branches::{Branches, DurableBranches};
pub use named::Named;
pub(crate) use set::{BranchSet, ByBranch};

use crate::policy::{FailFast, Policy, Tolerance, Tolerant};
use crate::report::{PatternReport, Reported};

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
    set: BranchSet<B>,
    tolerance: Tolerance,
    policy: PhantomData<fn() -> P>,
}

impl<B: Branches> ForkJoin<B> {
    /// Joins the outputs of a tuple of agents as a tuple.
    pub fn new(name: impl Into<String>, agents: B) -> Self {
        Self {
            name: name.into(),
            set: BranchSet::new(agents),
            tolerance: Tolerance::FailFast,
            policy: PhantomData,
        }
    }

    /// Goes on past failures. What is joined is then a [`Partial`](crate::Partial), whose tuple has
    /// `None` where a branch has failed, and whose map lacks it.
    pub fn collect_all(self) -> ForkJoin<B, Tolerant> {
        ForkJoin {
            name: self.name,
            set: self.set,
            tolerance: Tolerance::CollectAll,
            policy: PhantomData,
        }
    }
}

impl<B: Branches, P: Policy> ForkJoin<B, P> {
    /// How many branches run at the same time; all of them by default, and 0 counts as 1.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.set = self.set.with_concurrency(limit);
        self
    }

    /// How long branches that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.set = self.set.with_grace(grace);
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
        self.set = self.set.durable();
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
        let branches = self.set.branches();
        let mut outputs = ByBranch::of(branches.count());
        let rest = self.set.drive("fork-join", self.tolerance, input, cx, &mut outputs, report);
        let rest = rest.await?;
        Ok(P::output(rest.map(|()| branches.join(outputs.0)), B::all, |some| some))
    }
}

/// What a fork-join returns: the outputs of all branches, or a [`Partial`](crate::Partial) of those
/// that there are.
pub type Joined<B, P> =
    <P as Policy>::Output<<B as Branches>::All, <B as Branches>::Some, <B as Branches>::Key>;

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
            .field("set", &self.set)
            .field("tolerance", &self.tolerance)
            .finish()
    }
}
