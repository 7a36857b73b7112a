//! One agent over many inputs.

mod combiner;
mod drive;
mod queue;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, AgentExt, BaseAgent, Map, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

pub use combiner::{Collect, Combiner, FnCombiner, combiner};

use crate::call::{Call, durable, plain};
use crate::report::{PatternReport, Reported};

/// Runs one agent on every input, at most so many at a time, and combines the outputs in the order
/// of the inputs.
///
/// Inputs are pulled by as many workers as there may be children at the same time. Each runs as the
/// child of the pattern's context that its index, or its [key](Self::key_by), names. The first failure stops the others and is the
/// pattern's; a child that waits for a signal stops nothing, and when all others have ended the
/// pattern waits for what they wait for. An empty input is the combiner's identity.
pub struct MapReduce<A: BaseAgent, C> {
    name: String,
    agent: Arc<A>,
    combiner: C,
    concurrency: NonZeroUsize,
    naming: Naming<A::Input>,
    call: Call<A>,
    recording: Recording,
    grace: Duration,
}

/// How the children are told apart.
enum Naming<I> {
    Index,
    Key(Arc<dyn Fn(&I) -> String + Send + Sync>),
}

impl<I> Clone for Naming<I> {
    fn clone(&self) -> Self {
        match self {
            Self::Index => Self::Index,
            Self::Key(key) => Self::Key(key.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Off,
    Branches,
}

impl<A, C> MapReduce<A, C>
where
    A: BaseAgent,
    C: Combiner<Value = A::Output>,
{
    /// Maps with `agent` and reduces with `combiner`, as many at a time as the machine has cores.
    pub fn new(name: impl Into<String>, agent: A, combiner: C) -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            name: name.into(),
            agent: Arc::new(agent),
            combiner,
            concurrency: cores,
            naming: Naming::Index,
            call: plain::<A>,
            recording: Recording::Off,
            grace: crate::GRACE,
        }
    }

    /// How many inputs are worked on at the same time; 0 counts as 1.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.concurrency = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// How long children that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Names each child by a text that is unique among the inputs, instead of by its index. A durable
    /// map over inputs that may come in another order on resume needs it.
    pub fn key_by(mut self, key: impl Fn(&A::Input) -> String + Send + Sync + 'static) -> Self {
        self.naming = Naming::Key(Arc::new(key));
        self
    }

    /// Journals the output of each child. A run that is opened again takes those from the journal
    /// and runs the others.
    ///
    /// Children named by index must meet the same inputs on resume, which is so where the list of
    /// inputs was itself the output of a step; a difference is [`Diverged`](AgentError::Diverged).
    pub fn durable(mut self) -> Self
    where
        A::Input: Serialize,
        A::Output: Serialize + DeserializeOwned,
    {
        self.call = durable::<A>;
        self.recording = Recording::Branches;
        self
    }

    /// As [`run`](BaseAgent::run), with what was measured.
    ///
    /// # Cancel safety
    /// Dropping it stops the children that run; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, inputs: Vec<A::Input>, cx: &RunContext) -> Reported<C::Value> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.drive(inputs, cx, &mut report).await;
        report.wall = began.elapsed();
        Reported { result, report }
    }
}

/// A map whose outputs are collected into a list, as [`MapReduce::collect`] makes it.
type Collected<A> = MapReduce<
    Map<A, fn(<A as BaseAgent>::Output) -> Vec<<A as BaseAgent>::Output>>,
    Collect<<A as BaseAgent>::Output>,
>;

impl<A: BaseAgent> MapReduce<A, Collect<A::Output>> {
    /// Maps with `agent` and collects the outputs in the order of the inputs.
    ///
    /// ```
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::MapReduce;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let square = agent_fn("square", |n: u64, _cx| async move { Ok(n * n) });
    /// let run = Run::builder("example").open().await?;
    /// let squares = run.execute(MapReduce::collect("squares", square), vec![1, 2, 3]).await?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn collect(name: impl Into<String>, agent: A) -> Collected<A> {
        MapReduce::new(name, agent.map(one as fn(A::Output) -> Vec<A::Output>), Collect::default())
    }
}

fn one<T>(value: T) -> Vec<T> {
    vec![value]
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, C> BaseAgent for MapReduce<A, C>
where
    A: BaseAgent,
    C: Combiner<Value = A::Output>,
{
    type Input = Vec<A::Input>;
    type Output = C::Value;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, inputs: Vec<A::Input>, cx: &RunContext) -> Result<C::Value, AgentError> {
        self.run_reported(inputs, cx).await.result
    }
}

impl<A: BaseAgent, C> fmt::Debug for MapReduce<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapReduce")
            .field("name", &self.name)
            .field("agent", &self.agent.name())
            .field("concurrency", &self.concurrency)
            .field("recording", &self.recording)
            .finish_non_exhaustive()
    }
}
