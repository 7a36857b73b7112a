//! Stages one after the other.

mod stages;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext};
use tokio::time::Instant;

pub use stages::{DurableStages, Stage, Stages, Then};

use crate::report::{PatternReport, Reported};

/// Runs an input through stages, the output of one being the input of the next. Where two do not
/// meet, it does not compile.
///
/// Each stage is a child of the pipeline's context, under its own name. The first failure ends it.
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
pub struct Pipeline<S> {
    name: String,
    stages: S,
    recording: Recording,
    grace: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Off,
    Branches,
}

impl<A: BaseAgent> Pipeline<Stage<A>> {
    /// A pipeline of one stage.
    pub fn new(name: impl Into<String>, first: A) -> Self {
        Self {
            name: name.into(),
            stages: Stage::new(first),
            recording: Recording::Off,
            grace: crate::GRACE,
        }
    }
}

impl<S: Stages> Pipeline<S> {
    /// Adds a stage behind the others. Made durable, a pipeline has all its stages: what is added
    /// afterwards is not recorded.
    pub fn then<B: BaseAgent<Input = S::Output>>(self, next: B) -> Pipeline<Then<S, B>> {
        Pipeline {
            name: self.name,
            stages: Then::new(self.stages, next),
            recording: self.recording,
            grace: self.grace,
        }
    }

    /// How long a stage that is stopped may take to end before it is aborted; 5 seconds by default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Journals the result of each stage. A run that is opened again skips those that have one. The
    /// stages' names and order are recorded too: on resume a change of them is
    /// [`Diverged`](AgentError::Diverged).
    pub fn durable(mut self) -> Self
    where
        S: DurableStages,
    {
        self.stages = self.stages.into_durable();
        self.recording = Recording::Branches;
        self
    }

    /// As [`run`](BaseAgent::run), with what was measured.
    ///
    /// # Cancel safety
    /// Dropping it stops the stage that runs; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, input: S::Input, cx: &RunContext) -> Reported<S::Output> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.drive(input, cx, &mut report).await;
        report.wall = began.elapsed();
        Reported { result, report }
    }

    async fn drive(
        &self,
        input: S::Input,
        cx: &RunContext,
        report: &mut PatternReport,
    ) -> Result<S::Output, AgentError> {
        if self.recording == Recording::Branches {
            let mut names = Vec::new();
            self.stages.names(&mut names);
            cx.check_shape(&("pipeline", names))?;
        }
        self.stages.drive(input, cx, self.grace, report).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Stages> BaseAgent for Pipeline<S> {
    type Input = S::Input;
    type Output = S::Output;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: S::Input, cx: &RunContext) -> Result<S::Output, AgentError> {
        self.run_reported(input, cx).await.result
    }
}

impl<S: Stages> fmt::Debug for Pipeline<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<Arc<str>> = Vec::new();
        self.stages.names(&mut names);
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("stages", &names)
            .field("recording", &self.recording)
            .finish_non_exhaustive()
    }
}
