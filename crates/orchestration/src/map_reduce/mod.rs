//! One agent over many inputs.

mod combiner;
mod drive;
mod fold;
mod per_key;

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use combiner::{
    AnyBrackets, AnyOrder, Associative, Collect, Combiner, Commutative, FnCombiner, InOrder,
    combiner,
};
pub use per_key::{PerKey, per_key};

use crate::call::{Call, durable, plain};
use crate::fan_out::Naming;
use crate::inputs::Inputs;
use crate::over::Over;
use crate::parts::Parts;
use crate::policy::{FailFast, Policy, Tolerance, Tolerant};
use crate::report::Reported;
use fold::Order;

/// Runs one agent on every input, at most so many at a time, and combines the outputs.
///
/// Inputs are pulled as there is room, from a list or a [stream](Inputs::stream). Each runs as the
/// child of the pattern's context that its index, or its [key](Self::key_by), names. Outputs are
/// combined in the order of the inputs, unless the combiner allows more ([`unordered`](Self::unordered),
/// [`tree`](Self::tree)). No input, or none that counts, gives the combiner's identity.
///
/// The first failure stops the others and is the pattern's, unless the map is told to
/// [collect all](Self::collect_all), or to ask for a [quorum](Self::quorum) or a
/// [best effort](Self::best_effort): then failures are a part of the outcome, a
/// [`Partial`](crate::Partial). A child that waits for a signal stops nothing, and when all others have
/// ended the pattern waits for what they wait for. One that is parked is the pattern's end in any case,
/// after the others have ended.
///
/// A map runs on a context of its own: two patterns in one context would name their children alike.
pub struct MapReduce<A: BaseAgent, C, P = FailFast> {
    name: String,
    agent: Arc<A>,
    combiner: Arc<C>,
    order: Order,
    concurrency: Option<NonZeroUsize>,
    naming: Naming<A::Input>,
    call: Call<A>,
    recording: Recording,
    grace: Duration,
    tolerance: Tolerance,
    policy: PhantomData<fn() -> P>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recording {
    Off,
    Branches,
}

impl<A: BaseAgent, C: Combiner<Item = A::Output>> MapReduce<A, C> {
    /// Maps with `agent` and reduces with `combiner`, as many at a time as the machine has cores.
    pub fn new(name: impl Into<String>, agent: A, combiner: C) -> Self {
        Self {
            name: name.into(),
            agent: Arc::new(agent),
            combiner: Arc::new(combiner),
            order: Order::Inputs,
            concurrency: None,
            naming: Naming::Index,
            call: plain::<A>,
            recording: Recording::Off,
            grace: crate::GRACE,
            tolerance: Tolerance::FailFast,
            policy: PhantomData,
        }
    }

    /// Goes on past failures: every input is tried, and those that failed are listed.
    ///
    /// How it ended is journaled, if some failed: executed again it ends the same way. In a later one of
    /// [attempts](maniple_core::RunContext::attempts) around it, children that failed for now are tried
    /// again; those that had left something open, such as a step in doubt, have been closed and are
    /// cancelled.
    pub fn collect_all(self) -> MapReduce<A, C, Tolerant> {
        self.tolerate(Tolerance::CollectAll)
    }

    /// Ends as soon as so many have succeeded, or so many have failed that it cannot be reached;
    /// 0 counts as 1. The first that succeed count, and are the same on a resume; what still runs is
    /// stopped.
    ///
    /// Too few successes are the error [`TooFew`](crate::PatternError::TooFew).
    pub fn quorum(self, successes: usize) -> MapReduce<A, C, Tolerant> {
        self.tolerate(Tolerance::Quorum(successes.max(1)))
    }

    /// Tries every input, and is content with what succeeds, if that is at least so many. With so
    /// many it waits for no signal: those that do are left out.
    ///
    /// Too few successes are the error [`TooFew`](crate::PatternError::TooFew).
    pub fn best_effort(self, least: usize) -> MapReduce<A, C, Tolerant> {
        self.tolerate(Tolerance::BestEffort(least))
    }

    fn tolerate(self, tolerance: Tolerance) -> MapReduce<A, C, Tolerant> {
        MapReduce {
            name: self.name,
            agent: self.agent,
            combiner: self.combiner,
            order: self.order,
            concurrency: self.concurrency,
            naming: self.naming,
            call: self.call,
            recording: self.recording,
            grace: self.grace,
            tolerance,
            policy: PhantomData,
        }
    }
}

impl<A: BaseAgent> MapReduce<A, Collect<A::Output>> {
    /// Maps with `agent` and collects the outputs in the order of the inputs.
    ///
    /// ```
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::MapReduce;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let root = agent_fn("root", |n: i64, _cx| async move {
    ///     let root = n.checked_isqrt();
    ///     root.ok_or_else(|| AgentError::permanent(format!("{n} has no root")))
    /// });
    /// let run = Run::builder("example").open().await?;
    /// let roots = MapReduce::collect("roots", root).collect_all();
    /// let roots = run.execute(roots, vec![16, -1, 25]).await?;
    /// assert_eq!(roots.ok, [4, 5]);
    /// assert_eq!(roots.failed[0].0, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn collect(name: impl Into<String>, agent: A) -> Self {
        Self::new(name, agent, Collect::default())
    }
}

impl<A, C, P> MapReduce<A, C, P>
where
    A: BaseAgent,
    C: Combiner<Item = A::Output>,
    P: Policy,
{
    /// How many inputs are worked on at the same time; as many as the machine has cores by default, and
    /// 0 counts as 1.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.concurrency = Some(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN));
        self
    }

    /// How long children that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Names each child by a text that is unique among the inputs, instead of by its index. A durable
    /// map over inputs that may come in another order on resume needs it. The keys of all inputs
    /// are kept in memory, since two of one key are an error.
    pub fn key_by(mut self, key: impl Fn(&A::Input) -> String + Send + Sync + 'static) -> Self {
        self.naming = Naming::Key(Arc::new(key));
        self
    }

    /// Combines outputs as they arrive, so that none is kept for its turn.
    ///
    /// A combiner that does not claim to allow it does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::{MapReduce, combiner};
    ///
    /// let same = agent_fn("same", |n: i64, _cx| async move { Ok(n) });
    /// MapReduce::new("map", same, combiner(|| 0, |a: i64, b| a - b)).unordered();
    /// ```
    pub fn unordered(mut self) -> Self
    where
        C: Commutative,
    {
        self.order = Order::Arrival;
        self
    }

    /// Combines neighbouring outputs as soon as there are two, in parallel. Worth it where combining
    /// is much of the work. Where somebody else has to see an output first, they are combined one after
    /// the other all the same: with a [`quorum`](Self::quorum), and as [`parts`](Self::parts).
    ///
    /// A combiner that does not claim to allow it does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::{MapReduce, combiner};
    ///
    /// let same = agent_fn("same", |n: i64, _cx| async move { Ok(n) });
    /// MapReduce::new("map", same, combiner(|| 0, |a: i64, b| a - b)).tree();
    /// ```
    pub fn tree(mut self) -> Self
    where
        C: Associative,
    {
        self.order = Order::Tree;
        self
    }

    /// Journals the output of each child. A run that is opened again takes those from the journal
    /// and runs the others.
    ///
    /// Children named by index must meet the same inputs on resume, which is so where the list of
    /// inputs was itself the output of a step; a difference is [`Diverged`](AgentError::Diverged).
    ///
    /// What cannot be journaled does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::MapReduce;
    ///
    /// struct Opaque;
    /// let agent = agent_fn("agent", |_: u64, _cx| async move { Ok(Opaque) });
    /// MapReduce::collect("map", agent).durable();
    /// ```
    pub fn durable(mut self) -> Self
    where
        A::Input: Serialize,
        A::Output: Serialize + DeserializeOwned,
    {
        self.call = durable::<A>;
        self.recording = Recording::Branches;
        self
    }

    /// Makes an agent whose input says what the inputs of the map are. They are pulled as there is
    /// room, so that there may be more of them than fit into memory.
    ///
    /// ```
    /// use futures::stream;
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::{Inputs, MapReduce, combiner};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let square = agent_fn("square", |n: u64, _cx| async move { Ok(n * n) });
    /// let sum = combiner(|| 0, |a: u64, b| a + b).commutative();
    /// let up_to = MapReduce::new("squares", square, sum)
    ///     .unordered()
    ///     .over(|last: u64| Inputs::stream(stream::iter(1..=last)));
    /// let run = Run::builder("example").open().await?;
    /// assert_eq!(run.execute(up_to, 3).await?, 14);
    /// # Ok(())
    /// # }
    /// ```
    pub fn over<T, F>(self, inputs: F) -> Over<Self, T, A::Input>
    where
        T: Send + 'static,
        F: Fn(T) -> Inputs<A::Input> + Send + Sync + 'static,
    {
        Over::new(self, Arc::new(inputs), |map, inputs, cx| {
            Box::pin(async move { map.run_reported(inputs, cx).await.result })
        })
    }

    /// As [`run`](BaseAgent::run), over a list or a stream, and with what was measured.
    ///
    /// # Cancel safety
    /// Dropping it stops the children that run; see [`maniple_core::Scope`].
    pub async fn run_reported(
        &self,
        inputs: impl Into<Inputs<A::Input>>,
        cx: &RunContext,
    ) -> Reported<Combined<C, P>> {
        self.drive(inputs.into(), cx, None).await
    }

    /// Runs as its parts are asked for: each output that counts, as it arrives, and the result at the
    /// end.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::{MapReduce, Part, combiner};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let square = agent_fn("square", |n: u64, _cx| async move { Ok(n * n) });
    /// let map = MapReduce::new("squares", square, combiner(|| 0, |a: u64, b| a + b));
    /// let run = Run::builder("example").open().await?;
    /// let cx = run.context().child("squares");
    /// let mut parts = map.parts(vec![1, 2, 3], &cx);
    /// let mut seen = 0;
    /// while let Some(part) = parts.next().await {
    ///     match part {
    ///         Part::Output { key, output } => {
    ///             println!("input {key} gave {output}");
    ///             seen += output;
    ///         }
    ///         Part::Settled(reported) => assert_eq!(reported.result?, seen),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn parts<'a>(
        &'a self,
        inputs: impl Into<Inputs<A::Input>>,
        cx: &'a RunContext,
    ) -> Parts<'a, A::Output, Combined<C, P>>
    where
        A::Output: Clone,
    {
        let inputs = inputs.into();
        Parts::new(move |arrived| async move {
            let tell = |index, output: &A::Output| arrived.push(index, output.clone());
            self.drive(inputs, cx, Some(&tell)).await
        })
    }
}

/// What a map returns: the combined value, or a [`Partial`](crate::Partial) of it.
pub type Combined<C, P> =
    <P as Policy>::Output<<C as Combiner>::Value, <C as Combiner>::Value, usize>;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, C, P> BaseAgent for MapReduce<A, C, P>
where
    A: BaseAgent,
    C: Combiner<Item = A::Output>,
    P: Policy,
{
    type Input = Vec<A::Input>;
    type Output = Combined<C, P>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(
        &self,
        inputs: Vec<A::Input>,
        cx: &RunContext,
    ) -> Result<Self::Output, AgentError> {
        self.run_reported(inputs, cx).await.result
    }
}

impl<A: BaseAgent, C, P> fmt::Debug for MapReduce<A, C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapReduce")
            .field("name", &self.name)
            .field("agent", &self.agent.name())
            .field("order", &self.order)
            .field("concurrency", &self.concurrency)
            .field("tolerance", &self.tolerance)
            .field("recording", &self.recording)
            .finish_non_exhaustive()
    }
}
