//! The patterns of a generated program, each as an agent that makes a number of a number.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::stream;
use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, Effect, agent_fn};
use maniple_orchestration::{
    DeadLetter, ForkJoin, Inputs, MapReduce, Partial, Pipeline, ScatterGather, combiner,
};
use maniple_testkit::{Process, Random};

/// How much failure a generated map tolerates.
#[derive(Debug, Clone, Copy)]
pub(super) enum Policy {
    CollectAll,
    Quorum(usize),
    BestEffort(usize),
}

impl Policy {
    pub(super) fn generate(random: &mut Random) -> Self {
        match random.below(4) {
            0 => Self::Quorum(1),
            1 => Self::Quorum(2),
            2 => Self::BestEffort(random.index(3)),
            _ => Self::CollectAll,
        }
    }

    /// Whether arrival has a say in who counts.
    pub(super) fn races(self) -> bool {
        matches!(self, Self::Quorum(_))
    }
}

/// How a generated fork-join is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Join {
    Tuple,
    TolerantTuple,
    Named,
    TolerantNamed,
}

impl Join {
    pub(super) const ALL: [Self; 4] =
        [Self::Tuple, Self::TolerantTuple, Self::Named, Self::TolerantNamed];

    pub(super) fn is_tolerant(self) -> bool {
        matches!(self, Self::TolerantTuple | Self::TolerantNamed)
    }
}

/// What a generated scatter-gather asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    All,
    First,
    Majority,
    Best,
    /// So many within a time that does not pass.
    Within(usize),
}

impl Goal {
    pub(super) fn generate(random: &mut Random) -> Self {
        match random.below(5) {
            0 => Self::All,
            1 => Self::First,
            2 => Self::Majority,
            3 => Self::Best,
            _ => Self::Within(random.index(3)),
        }
    }

    pub(super) fn is_tolerant(self) -> bool {
        !matches!(self, Self::All)
    }

    /// Whether arrival has a say in who counts, or in which failures are seen.
    pub(super) fn races(self) -> bool {
        match self {
            Self::First | Self::Majority => true,
            Self::Within(least) => least > 0,
            Self::All | Self::Best => false,
        }
    }
}

/// What a generated flow does with its items.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items {
    FailFast,
    FailFastByKey,
    FailItem,
    DeadLetters,
}

impl Items {
    pub(super) const ALL: [Self; 4] =
        [Self::FailFast, Self::FailFastByKey, Self::FailItem, Self::DeadLetters];

    pub(super) fn is_tolerant(self) -> bool {
        matches!(self, Self::FailItem | Self::DeadLetters)
    }
}

/// A number for whatever can be written down, so that any difference shows.
fn digest(of: &impl Debug) -> u64 {
    let text = format!("{of:?}");
    text.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
        % 1_000_003
}

fn outcome<T: Debug, K: Debug>(partial: &Partial<T, K>) -> u64 {
    let failed = partial.failed.iter().map(|(key, error)| (key, error.recorded()));
    let failed: Vec<_> = failed.collect();
    digest(&(&partial.ok, failed, &partial.cancelled, &partial.skipped, &partial.suspended))
}

/// Gives an agent many inputs made of one, and makes one output of what comes out.
fn spread<A, O>(name: &str, agent: A, items: usize, close: fn(&O) -> u64) -> BoxAgent<u64, u64>
where
    A: BaseAgent<Input = Vec<u64>, Output = O>,
    O: Send + 'static,
{
    let (agent, name) = (std::sync::Arc::new(agent), name.to_owned());
    agent_fn("spread", move |n: u64, cx| {
        let (agent, name) = (agent.clone(), name.clone());
        async move {
            let inputs = (0..items as u64).map(|i| n + i).collect();
            let output = agent.run(inputs, &cx.child(&name)).await?;
            Ok(close(&output))
        }
    })
    .boxed()
}

pub(super) fn tolerant(
    policy: Policy,
    items: usize,
    parts: Vec<BoxAgent<u64, u64>>,
) -> BoxAgent<u64, u64> {
    let either = agent_fn("either", move |n: u64, cx| {
        let part = parts[usize::try_from(n).unwrap_or(0) % parts.len()].clone();
        async move { part.run(n, &cx).await }
    });
    let map = MapReduce::collect("tolerant", either).with_concurrency(2).durable();
    let map = match policy {
        Policy::CollectAll => map.collect_all(),
        Policy::Quorum(needed) => map.quorum(needed),
        Policy::BestEffort(least) => map.best_effort(least),
    };
    spread("tolerant", map, items, outcome)
}

pub(super) fn over(items: usize, part: BoxAgent<u64, u64>) -> BoxAgent<u64, u64> {
    let sum = combiner(|| 0, u64::wrapping_add).commutative();
    let map = MapReduce::new("over", part, sum).unordered().with_concurrency(2).durable();
    let map = map.key_by(|n| format!("item {n}"));
    map.over(move |n: u64| Inputs::stream(stream::iter((0..items as u64).map(move |i| n + i))))
        .boxed()
}

pub(super) fn join(join: Join, parts: &[BoxAgent<u64, u64>]) -> BoxAgent<u64, u64> {
    let pair = || (parts[0].clone(), parts[1].clone());
    let named = || BTreeMap::from([("left", parts[0].clone()), ("right", parts[1].clone())]);
    match join {
        Join::Tuple => ForkJoin::new("join", pair()).durable().map(|of| digest(&of)).boxed(),
        Join::TolerantTuple => {
            ForkJoin::new("join", pair()).collect_all().durable().map(|of| outcome(&of)).boxed()
        }
        Join::Named => ForkJoin::named("join", named()).durable().map(|of| digest(&of)).boxed(),
        Join::TolerantNamed => {
            let join = ForkJoin::named("join", named()).collect_all().durable();
            join.map(|of| outcome(&of)).boxed()
        }
    }
}

pub(super) fn gather(goal: Goal, parts: Vec<BoxAgent<u64, u64>>) -> BoxAgent<u64, u64> {
    let gather = ScatterGather::new("gather", (0..).zip(parts)).with_concurrency(2).durable();
    match goal {
        Goal::All => gather.map(|of: BTreeMap<i32, u64>| digest(&of)).boxed(),
        Goal::First => gather.first(1).map(|of| outcome(&of)).boxed(),
        Goal::Majority => gather.majority(|a, b| a % 2 == b % 2).map(|of| outcome(&of)).boxed(),
        Goal::Best => {
            let score = |n: &u64| f64::from(u32::try_from(n % 7).unwrap());
            gather.best_by(score).map(|of| outcome(&of)).boxed()
        }
        Goal::Within(least) => {
            gather.within(Duration::from_secs(1 << 30), least).map(|of| outcome(&of)).boxed()
        }
    }
}

pub(super) fn flow(
    items: Items,
    count: usize,
    a: BoxAgent<u64, u64>,
    b: BoxAgent<u64, u64>,
    process: Process,
) -> BoxAgent<u64, u64> {
    let flow = Pipeline::new("flow", a).with_concurrency(2).then(b).durable().flow().with_buffer(0);
    let deliver = agent_fn("deliver", move |letter: DeadLetter<u64>, cx| {
        let process = process.clone();
        async move {
            let sent = cx.step("send", Effect::Idempotent, letter.input, |n, step| async move {
                process.perform(&step, || Ok::<_, AgentError>(n)).await
            });
            sent.await.map(drop)
        }
    });
    match items {
        Items::FailFast => spread("flow", flow, count, digest),
        Items::FailFastByKey => spread("flow", flow.fifo_by(|n| n % 2), count, digest),
        Items::FailItem => spread("flow", flow.fail_item(), count, outcome),
        Items::DeadLetters => spread("flow", flow.dead_letter(deliver), count, outcome),
    }
}
