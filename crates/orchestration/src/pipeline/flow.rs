use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use maniple_core::{AgentError, BaseAgent, Children, RunContext};
use serde::Serialize;
use tokio::time::Instant;

use super::dead_letter::{DeadLetter, DeadLetters};
use super::gates::{Gates, KeyOf, Tickets};
use super::line::{Line, Ticketed};
use super::outputs::Outputs;
use super::stage_names;
use super::stages::{PassAll, Stages};
use crate::fan_out::{Begun, FanOut, Naming};
use crate::inputs::Inputs;
use crate::over::Over;
use crate::partial::Partial;
use crate::parts::Parts;
use crate::policy::{FailFast, Policy, Tolerance, Tolerant};
use crate::report::{PatternReport, Reported};

/// How many items wait between two stages, unless a flow is told otherwise.
const BUFFER: usize = 16;

/// A [`Pipeline`](super::Pipeline) for many items, from a list or a [stream](Inputs::stream): its
/// stages work at the same time, on different items.
///
/// Each stage works on so many items at the same time as
/// [`Pipeline::with_concurrency`](super::Pipeline::with_concurrency) says, and between two stages a
/// bounded number waits, so that a slow stage holds up those before it, and whoever takes the outputs
/// slowly holds up all. Items come out in the order in which they went in; with
/// [`fifo_by`](Self::fifo_by) only those of one key do.
///
/// The first failure ends the flow, unless it is told to [fail the item](Self::fail_item) alone, or to
/// hand it over as a [dead letter](Self::dead_letter). Each item runs in the child of the flow's
/// context that its index, or its [key](Self::key_by), names, and each stage as a child of that. The
/// flow of a durable pipeline is durable: finished items are taken from the journal, and of an
/// unfinished one the finished stages.
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
/// let flow = Pipeline::new("twice", parse).with_concurrency(4).then(double).flow().fail_item();
///
/// let run = Run::builder("example").open().await?;
/// let doubled = run.execute(flow, vec!["1".into(), "two".into(), "3".into()]).await?;
/// assert_eq!(doubled.ok, [2, 6]);
/// assert_eq!(doubled.failed[0].0, 1);
/// # Ok(())
/// # }
/// ```
pub struct Flow<S: Stages, P = FailFast> {
    name: String,
    stages: S,
    grace: Duration,
    pass: PassAll<S>,
    recorded: bool,
    buffer: usize,
    fifo: Option<KeyOf<S::Input>>,
    naming: Naming<S::Input>,
    tolerance: Tolerance,
    dead_letters: Option<DeadLetters<S::Input>>,
    policy: PhantomData<fn() -> P>,
}

impl<S: Stages> Flow<S> {
    pub(super) fn new(
        name: String,
        stages: S,
        grace: Duration,
        pass: PassAll<S>,
        recorded: bool,
    ) -> Self {
        Self {
            name,
            stages,
            grace,
            pass,
            recorded,
            buffer: BUFFER,
            fifo: None,
            naming: Naming::Index,
            tolerance: Tolerance::FailFast,
            dead_letters: None,
            policy: PhantomData,
        }
    }

    /// Goes on past items that fail, and lists them.
    pub fn fail_item(self) -> Flow<S, Tolerant> {
        self.tolerate(None)
    }

    /// Goes on past items that fail, and hands each to an agent. An item counts as dealt with, and is
    /// listed as failed, only when that agent has succeeded; if it does not, the flow fails with its
    /// error when the other items have ended.
    ///
    /// That an item was given up is journaled, and so is its delivery: no later
    /// [attempt](maniple_core::RunContext::attempts) around the flow tries it again. Of two items with
    /// one [key](Self::key_by) the second is listed as failed and not handed over.
    pub fn dead_letter<D>(self, agent: D) -> Flow<S, Tolerant>
    where
        D: BaseAgent<Input = DeadLetter<S::Input>, Output = ()>,
        S::Input: Clone + Serialize,
    {
        self.tolerate(Some(DeadLetters::new(Arc::new(agent))))
    }

    fn tolerate(self, dead_letters: Option<DeadLetters<S::Input>>) -> Flow<S, Tolerant> {
        Flow {
            name: self.name,
            stages: self.stages,
            grace: self.grace,
            pass: self.pass,
            recorded: self.recorded,
            buffer: self.buffer,
            fifo: self.fifo,
            naming: self.naming,
            tolerance: Tolerance::CollectAll,
            dead_letters,
            policy: PhantomData,
        }
    }
}

impl<S: Stages, P: Policy> Flow<S, P> {
    /// How many items may wait between two stages; 16 by default, and 0 is allowed: then an item
    /// keeps its place in a stage until the next one has room.
    pub fn with_buffer(mut self, items: usize) -> Self {
        self.buffer = items;
        self
    }

    /// Lets items of different keys overtake one another. Those of one key pass each stage one at a
    /// time and in order.
    pub fn fifo_by<K: Hash>(
        mut self,
        key: impl Fn(&S::Input) -> K + Send + Sync + 'static,
    ) -> Self {
        let hasher = RandomState::new();
        self.fifo = Some(Arc::new(move |item| hasher.hash_one(key(item))));
        self
    }

    /// Names each item by a text that is unique among them, instead of by its index. A durable flow
    /// whose items may come in another order on resume needs it. The keys of all items are kept in
    /// memory, since two of one key are an error.
    pub fn key_by(mut self, key: impl Fn(&S::Input) -> String + Send + Sync + 'static) -> Self {
        self.naming = Naming::Key(Arc::new(key));
        self
    }

    /// Makes an agent whose input says what the items are; see
    /// [`MapReduce::over`](crate::MapReduce::over).
    pub fn over<T, F>(self, items: F) -> Over<Self, T, S::Input>
    where
        T: Send + 'static,
        F: Fn(T) -> Inputs<S::Input> + Send + Sync + 'static,
    {
        Over::new(self, Arc::new(items), |flow, items, cx| {
            Box::pin(async move { flow.run_reported(items, cx).await.result })
        })
    }

    /// As [`run`](BaseAgent::run), over a list or a stream, and with what was measured; its children
    /// are the items.
    ///
    /// # Cancel safety
    /// Dropping it stops the items that are on their way; see [`maniple_core::Scope`].
    pub async fn run_reported(
        &self,
        items: impl Into<Inputs<S::Input>>,
        cx: &RunContext,
    ) -> Reported<Collected<S, P>> {
        let mut outputs = Vec::new();
        let reported = self.drive(items.into(), cx, true, |_, output| outputs.push(output)).await;
        let whole = |outputs| outputs;
        Reported {
            result: reported.result.map(|rest| P::output(rest.map(|()| outputs), whole, whole)),
            report: reported.report,
        }
    }

    /// Runs as its parts are asked for: each output, in order or in the order of its key, and at the
    /// end what became of the items without one. Outputs that nobody takes hold the stages up.
    pub fn parts<'a>(
        &'a self,
        items: impl Into<Inputs<S::Input>>,
        cx: &'a RunContext,
    ) -> Parts<'a, S::Output, P::Output<(), (), usize>> {
        let items = items.into();
        Parts::new(move |arrived| async move {
            let tell = |index, output| arrived.push(index, output);
            let reported = self.drive(items, cx, self.fifo.is_none(), tell).await;
            let whole = |()| ();
            Reported {
                result: reported.result.map(|rest| P::output(rest, whole, whole)),
                report: reported.report,
            }
        })
    }

    async fn drive(
        &self,
        items: Inputs<S::Input>,
        cx: &RunContext,
        in_order: bool,
        tell: impl FnMut(usize, S::Output) + Send,
    ) -> Reported<Partial<()>> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.pass_all(items, cx, in_order, tell, &mut report).await;
        report.wall = began.elapsed();
        Reported { result, report }
    }

    async fn pass_all(
        &self,
        items: Inputs<S::Input>,
        cx: &RunContext,
        in_order: bool,
        tell: impl FnMut(usize, S::Output) + Send,
        report: &mut PatternReport,
    ) -> Result<Partial<()>, AgentError> {
        if self.recorded {
            self.check_shape(&items, cx)?;
        }
        let mut limits = Vec::new();
        self.stages.limits(&mut limits);
        let gates = Gates::new(&limits, self.buffer);
        let limit = gates.room();
        let mut tickets = Tickets::new(gates, self.fifo.clone());
        let fan_out = FanOut {
            cx,
            inputs: items.map(move |item| Ticketed { ticket: tickets.next(&item), item }),
            naming: match &self.naming {
                Naming::Index => Naming::Index,
                Naming::Names(names) => Naming::Names(names.clone()),
                Naming::Key(key) => {
                    let key = key.clone();
                    Naming::Key(Arc::new(move |ticketed: &Ticketed<_>| key(&ticketed.item)))
                }
            },
            limit,
            grace: self.grace,
            tolerance: self.tolerance,
            recorded: self.recorded,
        };
        let mut sink = Outputs::new(in_order, tell);
        let make = |children: &Children| {
            let letters = self.dead_letters.clone().map(|letters| letters.at(children));
            let (stages, pass) = (self.stages.clone(), self.pass);
            let line = Arc::new(Line { stages, pass, count: limits.len(), letters });
            move |begun: Begun, item: Ticketed<S::Input>| {
                let line = line.clone();
                // What goes through the stages is large, and would be moved from layer to layer.
                async move { line.carry(begun, item).await }.boxed()
            }
        };
        let rest = fan_out.run(&mut sink, make, report).await;
        sink.count(report);
        let rest = sink.finish(rest?)?;
        if !rest.failed.is_empty() {
            // Nobody comes by an item again that was given up.
            cx.close_children().await?;
        }
        Ok(rest)
    }

    fn check_shape(&self, items: &Inputs<S::Input>, cx: &RunContext) -> Result<(), AgentError> {
        // Keys tell items apart in whatever list they stand; an index means one list alone.
        let count = match self.naming {
            Naming::Index => items.total(),
            Naming::Key(_) | Naming::Names(_) => None,
        };
        let letters = self.dead_letters.as_ref().map(DeadLetters::name);
        let tolerance = self.tolerance.shape();
        let names = stage_names(&self.stages);
        cx.check_shape(&("flow", names, self.naming.name(), tolerance, letters, count))
    }
}

/// What a flow returns: its outputs, or a [`Partial`] of them.
pub type Collected<S, P> =
    <P as Policy>::Output<Vec<<S as Stages>::Output>, Vec<<S as Stages>::Output>, usize>;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Stages, P: Policy> BaseAgent for Flow<S, P> {
    type Input = Vec<S::Input>;
    type Output = Collected<S, P>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, items: Vec<S::Input>, cx: &RunContext) -> Result<Self::Output, AgentError> {
        self.run_reported(items, cx).await.result
    }
}

impl<S: Stages, P> fmt::Debug for Flow<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("name", &self.name)
            .field("stages", &stage_names(&self.stages))
            .field("buffer", &self.buffer)
            .field("tolerance", &self.tolerance)
            .field("dead_letters", &self.dead_letters)
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}
