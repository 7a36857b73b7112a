//! The agent trait, and everything that crosses the boundary of an agent.
//!
//! Everything that runs is a [`BaseAgent`]: a closure ([`agent_fn`]), a model call, a pattern made
//! of other agents. It is given an input and a [`RunContext`], which carries cancellation, a
//! deadline, a budget, permissions, the journal and the agent's place in the run, and nothing else
//! reaches it. Work that must not be done twice stands in a [step](RunContext::step): when the
//! process dies and the [`Run`] is opened again on its [`Journal`], finished steps are answered from
//! the journal and the rest goes on.
//!
//! ```
//! use maniple_core::{AgentError, Effect, MemoryJournal, Run, agent_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), AgentError> {
//! let order = agent_fn("order", |item: String, cx| async move {
//!     let price: u64 = cx
//!         .step("price", Effect::Pure, item.clone(), |item, _| async move { Ok(item.len() as u64) })
//!         .await?;
//!     cx.step("charge", Effect::Idempotent, price, |price, step| async move {
//!         // The payment service is given `step.idempotency_key()`, and charges once for it.
//!         let _ = step.idempotency_key();
//!         Ok(price)
//!     })
//!     .await
//! });
//!
//! let journal = MemoryJournal::new();
//! let run = Run::builder("shop").with_journal(journal.clone()).open().await?;
//! assert_eq!(run.execute(order, "lamp".into()).await?, 4);
//! # Ok(())
//! # }
//! ```
//!
//! What each of these means when a run crashes, is cancelled, suspended or out of time is one table,
//! `SEMANTICS.md` in the repository.
//!
//! # Features
//! - `rate-limit`: [`AgentExt::with_rate_limit`].
//! - `testkit`: the contracts that every [`Journal`] and [`RunStore`] must keep, as functions to call from
//!   their tests.
//! - `tools`: tools for models, `Tool` and `ToolRegistry`: schemas made of types, arguments that are
//!   checked, calls that are steps, and definitions as the providers take them. A host derives
//!   `JsonSchema` with `schemars` 1 among its own dependencies.
//! - `tower`: any agent as a service of tower, and any service as an agent.
//!
//! None is on by default. The crate opens no file, socket or process; it needs a tokio runtime with
//! its time driver.

mod agent;
mod attempts;
mod branch;
#[cfg_attr(
    not(feature = "broken"),
    expect(dead_code, unreachable_pub, reason = "only the feature can name every rule")
)]
mod broken;
mod budget;
mod contain;
mod context;
mod decide;
mod error;
mod event;
mod evidence;
mod extensions;
mod identity;
mod journal;
mod permission;
pub mod policy;
mod run;
mod scope;
mod scratch;
mod settle;
mod signal;
mod step;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "tools")]
mod tool;
#[cfg(feature = "tower")]
pub mod tower;
mod version;

pub use agent::{AgentExt, BaseAgent, BoxAgent, FnAgent, Map, agent_fn};
#[cfg(feature = "broken")]
#[doc(hidden)]
pub use broken::Rule;
pub use budget::{Budget, Exhausted, Lease, Reservation};
pub use context::{ChildKey, RunContext};
pub use error::{AgentError, Class, Classify, RecordedError, ResultExt, Source};
pub use event::{AgentEvent, EventKind, EventSink, Events, Lost, Progress, TracingSink};
pub use evidence::{Claim, Receipt, Support, Unsupported};
pub use identity::{Digest, IdempotencyKey, Key, Name, RunId};
pub use journal::{
    Fact, Journal, JournalError, MemoryJournal, MemoryRunStore, Outcome, Payload, Record, RunStore,
    RunStoreError, UnfinishedRun,
};
pub use permission::Permissions;
pub use run::{Run, RunBuilder, RunStats};
pub use scope::{Children, Done, Scope, Timing};
pub use signal::Delivery;
pub use step::{
    Doubt, Effect, Fate, InDoubt, ParkAll, Reconciled, Reconciler, StepContext, StepOptions,
    reconciler_fn,
};
#[cfg(feature = "tools")]
pub use tool::{
    ArgumentFault, FnTool, JsonPosition, RegisterError, Tool, ToolAgent, ToolCall, ToolError,
    ToolNameFault, ToolOutcome, ToolOutput, ToolRegistry, ToolRegistryBuilder, ToolResponse,
    ToolSpec, tool_fn,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
