//! Coordination patterns over agents. A pattern made of agents is an agent, so every pattern nests in
//! every other.
//!
//! - [`Pipeline`]: stages one after the other, each with its own types.
//! - [`MapReduce`]: one agent over many inputs, at most so many at a time, and their outputs combined
//!   in the order of the inputs.
//!
//! What all of them keep: children are owned by a scope that cancels, waits, aborts and awaits them;
//! deadlines, budgets and permissions flow through; a panic of a child is its failure; a child that
//! waits for a signal is no failure. `.durable()` journals the result of each child, so that a run
//! that is opened again goes on where it stopped.
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

use std::time::Duration;

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

/// How long children that are stopped may take to end, unless a pattern is told otherwise.
const GRACE: Duration = Duration::from_secs(5);
