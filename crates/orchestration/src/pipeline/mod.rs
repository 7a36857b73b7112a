//! Stages one after the other.

mod dead_letter;
mod flow;
mod gates;
mod line;
mod outputs;
mod passage;
mod stages;

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext, Scope};
use tokio::time::Instant;

pub use dead_letter::DeadLetter;
pub use flow::{Collected, Flow};
pub use stages::{DurableStages, Stage, Stages, Then};

use crate::fan_out::lock;
use crate::report::{PatternReport, Reported};
use passage::Passage;
use stages::{PassAll, pass_as_branch};

/// Runs an input through stages, the output of one being the input of the next. Where two do not
/// meet, it does not compile.
///
/// Each stage is a child of the pipeline's context, under its own name. The first failure ends it.
/// For many inputs, with the stages working at the same time, there is the pipeline's
/// [`flow`](Self::flow).
///
/// ```
/// use maniple_core::{AgentError, Run, agent_fn};
/// use maniple_orchestration::Pipeline;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let parse = agent_fn("parse", |text: String, _cx| async move {
///     text.parse::<u64>().map_err(AgentError::permanent)
/// });
/// let double = agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) });
///
/// let run = Run::builder("example").open().await?;
/// assert_eq!(run.execute(Pipeline::new("twice", parse).then(double), "21".into()).await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct Pipeline<S: Stages, R = Volatile> {
    name: String,
    stages: S,
    grace: Duration,
    /// How an item of a flow passes.
    pass: PassAll<S>,
    recorded: bool,
    recording: PhantomData<fn() -> R>,
}

/// The stages of a pipeline are not journaled, and more can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatile {}

/// The stages of a pipeline are journaled, and so they are all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {}

impl<A: BaseAgent> Pipeline<Stage<A>> {
    /// A pipeline of one stage.
    pub fn new(name: impl Into<String>, first: A) -> Self {
        Self::of(name.into(), Stage::new(first), crate::GRACE)
    }
}

impl<S: Stages> Pipeline<S> {
    fn of(name: String, stages: S, grace: Duration) -> Self {
        let pass: PassAll<S> = |stages, input, passage| stages.pass(input, passage);
        Self { name, stages, grace, pass, recorded: false, recording: PhantomData }
    }

    /// Adds a stage behind the others.
    pub fn then<B: BaseAgent<Input = S::Output>>(self, next: B) -> Pipeline<Then<S, B>> {
        Pipeline::of(self.name, Then::new(self.stages, next), self.grace)
    }

    /// How many items of a [`flow`](Self::flow) the stage that was added last may work on at the same
    /// time; 1 by default, which 0 counts as.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.stages.limit_last(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN));
        self
    }

    /// Journals the result of each stage. A run that is opened again skips those that have one. The
    /// stages' names and order are recorded too: on resume a change of them is
    /// [`Diverged`](AgentError::Diverged).
    ///
    /// What cannot be journaled does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::Pipeline;
    ///
    /// struct Opaque;
    /// let agent = agent_fn("agent", |_: u64, _cx| async move { Ok(Opaque) });
    /// Pipeline::new("pipeline", agent).durable();
    /// ```
    pub fn durable(self) -> Pipeline<S, Durable>
    where
        S: DurableStages,
    {
        Pipeline {
            name: self.name,
            stages: self.stages.into_durable(),
            grace: self.grace,
            pass: pass_as_branch::<S>,
            recorded: true,
            recording: PhantomData,
        }
    }
}

impl<S: Stages, R: 'static> Pipeline<S, R> {
    /// How long a stage that is stopped may take to end before it is aborted; 5 seconds by default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The pipeline for many items, its stages working at the same time on different ones.
    pub fn flow(self) -> Flow<S> {
        Flow::new(self.name, self.stages, self.grace, self.pass, self.recorded)
    }

    /// As [`run`](BaseAgent::run), with what was measured; its children are the stages.
    ///
    /// # Cancel safety
    /// Dropping it stops the stage that runs; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, input: S::Input, cx: &RunContext) -> Reported<S::Output> {
        let began = Instant::now();
        let report = Arc::new(Mutex::new(PatternReport::default()));
        let result = self.drive(input, cx, report.clone()).await;
        let mut report = *lock(&report);
        let ended = report.succeeded + report.failed + report.cancelled + report.suspended;
        report.cancelled += report.started - ended;
        report.wall = began.elapsed();
        Reported { result, report }
    }

    async fn drive(
        &self,
        input: S::Input,
        cx: &RunContext,
        report: Arc<Mutex<PatternReport>>,
    ) -> Result<S::Output, AgentError> {
        if self.recorded {
            cx.check_shape(&("pipeline", stage_names(&self.stages)))?;
        }
        let mut scope = Scope::open(cx)?.with_grace(self.grace);
        let stages = self.stages.clone();
        let mut passage = Passage::alone(scope.children().context(), report);
        scope.spawn_worker(async move { stages.pass(input, &mut passage).await });
        let done = scope.next().await;
        scope.close().await;
        // A scope answers once for each task that it was given.
        done.ok_or_else(|| AgentError::Cancelled { key: cx.path() })?.result
    }
}

fn stage_names<S: Stages>(stages: &S) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    stages.names(&mut names);
    names
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Stages, R: 'static> BaseAgent for Pipeline<S, R> {
    type Input = S::Input;
    type Output = S::Output;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: S::Input, cx: &RunContext) -> Result<S::Output, AgentError> {
        self.run_reported(input, cx).await.result
    }
}

impl<S: Stages, R> fmt::Debug for Pipeline<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("stages", &stage_names(&self.stages))
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}
