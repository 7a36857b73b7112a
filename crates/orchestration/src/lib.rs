//! Coordination patterns over agents. A pattern made of agents is an agent, so every pattern nests in
//! every other.
//!
//! | pattern | what it does | order | when a child fails |
//! | --- | --- | --- | --- |
//! | [`Pipeline`] | stages one after the other, each with its own types | of the stages | the pipeline fails |
//! | [`Flow`] | a pipeline for many items, its stages overlapping, with bounded buffers | first in, first out; by key with [`fifo_by`](Flow::fifo_by) | fail the flow, [the item](Flow::fail_item), or [hand it over](Flow::dead_letter) |
//! | [`MapReduce`] | one agent over many inputs, outputs combined; keyed with [`per_key`] | of the inputs; [`unordered`](MapReduce::unordered) or as a [`tree`](MapReduce::tree) where the combiner allows | fail fast, [collect all](MapReduce::collect_all), [quorum](MapReduce::quorum), [best effort](MapReduce::best_effort) |
//! | [`ForkJoin`] | different agents over one input, outputs joined as a tuple or by name | by branch | fail fast, [collect all](ForkJoin::collect_all) |
//! | [`ScatterGather`] | the same request to many agents: all answers, the [first](ScatterGather::first) few, one that a [quorum](ScatterGather::quorum) or a [majority](ScatterGather::majority) agrees in, the [best](ScatterGather::best_by), or those [within](ScatterGather::within) a time | by responder | fail fast where all are asked for, else it counts as no answer |
//! | [`Saga`] | steps of which each can be taken back | of the graph, and against it | what was done is taken back, or an operator decides |
//!
//! What all of them keep:
//!
//! - Inputs are pulled as there is room, from a list or a stream ([`Inputs`]); at most so many children
//!   run at a time.
//! - Children are owned by a scope that cancels them, waits a grace, aborts and awaits them. Nothing
//!   outlives a pattern that has returned; what a dropped one leaves,
//!   [`Run::quiesce`](maniple_core::Run::quiesce) waits for.
//! - Deadlines, budgets, permissions and cancellation flow through. A panic of a child is its failure.
//! - A child that waits for a signal is no failure: its siblings finish, then the pattern waits, unless
//!   it is settled without that child.
//! - A pattern that outlives failures returns a [`Partial`]: what the children made, and which of them
//!   have failed, were cancelled, were never begun or still wait, each by index or name.
//! - What a pattern measures of itself is in its [`PatternReport`].
//! - `.durable()` journals the output of each child and the shape of the pattern, so that a run that is
//!   opened again goes on where it stopped. How a pattern was settled by time or arrival, or in spite of
//!   failures that are not final, is journaled before anybody hears of it, durable or not.
//!
//! ```
//! use maniple_core::{AgentError, MemoryJournal, Run, agent_fn};
//! use maniple_orchestration::{MapReduce, Pipeline, combiner};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), AgentError> {
//! let split = agent_fn("split", |text: String, _cx| async move {
//!     Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
//! });
//! let words = agent_fn("words", |line: String, _cx| async move {
//!     Ok(line.split_whitespace().count())
//! });
//! let count = MapReduce::new("count", words, combiner(|| 0, |a, b| a + b)).with_concurrency(4);
//! let pipeline = Pipeline::new("word-count", split).then(count.durable()).durable();
//!
//! let run = Run::builder("example").with_journal(MemoryJournal::new()).open().await?;
//! assert_eq!(run.execute(pipeline, "one two\nthree".into()).await?, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `testkit`: checks for a host's own combiners and agents, to call from its tests.

use std::time::Duration;

mod broken;
mod call;
mod error;
mod fan_out;
mod fork_join;
mod inputs;
mod map_reduce;
mod over;
mod partial;
mod parts;
mod pipeline;
mod policy;
mod report;
mod saga;
mod scatter_gather;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use error::PatternError;
pub use fork_join::{Branches, DurableBranches, ForkJoin, Joined, Named};
pub use inputs::Inputs;
pub use map_reduce::{
    AnyBrackets, AnyOrder, Associative, Collect, Combined, Combiner, Commutative, FnCombiner,
    InOrder, MapReduce, PerKey, combiner, per_key,
};
pub use over::Over;
pub use partial::Partial;
pub use parts::{Part, Parts};
pub use pipeline::{
    Collected, DeadLetter, Durable, DurableStages, Flow, Pipeline, Stage, Stages, Then, Volatile,
};
pub use policy::{FailFast, Policy, Tolerant};
pub use report::{PatternReport, Reported};
pub use saga::{
    Before, Compensated, Decision, Given, Handle, OperatorError, ParkedStep, ParkedSteps, Saga,
    SagaBuilder, SagaError, SagaOperator, Settled, StepBuilder, StepState, StepStatus, Stuck, Undo,
    Undoable,
};
pub use scatter_gather::{Agreement, Answered, Best, PartialGather, ScatterGather};

/// How long children that are stopped may take to end, unless a pattern is told otherwise.
const GRACE: Duration = Duration::from_secs(5);
