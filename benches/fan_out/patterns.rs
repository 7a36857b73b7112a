//! The patterns with many children, each executed in a run and its outputs summed up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use maniple::core::{AgentError, BaseAgent, Run, agent_fn};
use maniple::orchestration::{ForkJoin, MapReduce, Pipeline, ScatterGather, combiner};

use super::Work;

/// A pattern over each number below a count.
#[derive(Clone)]
pub struct Pattern {
    /// Its name in the table.
    pub name: &'static str,
    execute: Execute,
}

type Execute =
    Arc<dyn Fn(Arc<Run>, u64) -> BoxFuture<'static, Result<u64, AgentError>> + Send + Sync>;

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether the children of a pattern are journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// No.
    Off,
    /// Each of them, with its input's digest and its output.
    Children,
}

impl Pattern {
    /// The sum of what its children give.
    ///
    /// # Errors
    /// Those of the pattern.
    pub async fn execute(&self, run: Arc<Run>, items: u64) -> Result<u64, AgentError> {
        (self.execute)(run, items).await
    }

    fn new<A: BaseAgent>(
        name: &'static str,
        agent: A,
        input: fn(u64) -> A::Input,
        sum: fn(A::Output) -> u64,
    ) -> Self {
        let agent = Arc::new(agent);
        let execute = move |run: Arc<Run>, items| -> BoxFuture<'static, _> {
            let (agent, input) = (agent.clone(), input(items));
            Box::pin(async move { Ok(sum(run.execute(agent, input).await?)) })
        };
        Self { name, execute: Arc::new(execute) }
    }
}

/// Summed up by the pattern's own combiner.
pub fn map_reduce(limit: usize, recording: Recording, work: impl Work) -> Pattern {
    let map = MapReduce::new("map", agent(work), combiner(|| 0, |a, b| a + b));
    let map = map.with_concurrency(limit);
    let map = if recording == Recording::Off { map } else { map.durable() };
    Pattern::new("MapReduce", map, |items| (0..items).collect(), |sum| sum)
}

/// One stage, of which the outputs come in order.
pub fn flow(limit: usize, recording: Recording, work: impl Work) -> Pattern {
    let pipeline = Pipeline::new("flow", agent(work)).with_concurrency(limit);
    let (input, sum) = (|items| (0..items).collect(), |outputs: Vec<u64>| outputs.iter().sum());
    match recording {
        Recording::Off => Pattern::new("Flow", pipeline.flow(), input, sum),
        Recording::Children => Pattern::new("Flow", pipeline.durable().flow(), input, sum),
    }
}

/// The work is done twice, by two stages.
pub fn flow_of_two(limit: usize, recording: Recording, work: impl Work) -> Pattern {
    let pipeline = Pipeline::new("flow", agent(work.clone())).with_concurrency(limit);
    let pipeline = pipeline.then(agent(work)).with_concurrency(limit);
    let (input, sum) = (|items| (0..items).collect(), |outputs: Vec<u64>| outputs.iter().sum());
    match recording {
        Recording::Off => Pattern::new("Flow of 2 stages", pipeline.flow(), input, sum),
        Recording::Children => {
            Pattern::new("Flow of 2 stages", pipeline.durable().flow(), input, sum)
        }
    }
}

/// An agent for each number, joined by name. The set is made here, so that no turn makes it.
pub fn fork_join(items: u64, limit: usize, recording: Recording, work: impl Work) -> Pattern {
    let branches: BTreeMap<u64, _> = named(items, work).collect();
    let join = ForkJoin::named("join", branches).with_concurrency(limit);
    let join = if recording == Recording::Off { join } else { join.durable() };
    Pattern::new("ForkJoin", join, |_| 0, |outputs: BTreeMap<u64, u64>| outputs.values().sum())
}

/// An agent for each number, and the answers of all of them. The set is made here too.
pub fn scatter_gather(items: u64, limit: usize, recording: Recording, work: impl Work) -> Pattern {
    let gather = ScatterGather::new("gather", named(items, work)).with_concurrency(limit);
    let gather = if recording == Recording::Off { gather } else { gather.durable() };
    let sum = |answers: BTreeMap<u64, u64>| answers.values().sum();
    Pattern::new("ScatterGather", gather, |_| 0, sum)
}

/// An agent for each number below a count, by that number.
fn named(
    items: u64,
    work: impl Work,
) -> impl Iterator<Item = (u64, impl BaseAgent<Input = u64, Output = u64>)> {
    (0..items).map(move |n| {
        let work = work.clone();
        let agent = agent_fn("agent", move |zero: u64, _cx| {
            let done = work(zero + n);
            async move { Ok(done.await) }
        });
        (n, agent)
    })
}

fn agent(work: impl Work) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("item", move |n: u64, _cx| {
        let done = work(n);
        async move { Ok(done.await) }
    })
}
