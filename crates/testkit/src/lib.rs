//! Tools to test agents and patterns the way that Maniple tests its own: the real code runs against a
//! [`Machine`] that can be crashed at every record of its journal, and a world outside that remembers
//! every effect and notices when one should not have happened.
//!
//! ```
//! use maniple_core::{Effect, agent_fn};
//! use maniple_testkit::at_every_prefix;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // An order is paid for, then shipped. Whatever happens in between, it is paid for once.
//! at_every_prefix(7, |process| {
//!     agent_fn("order", move |item: String, cx| {
//!         let process = process.clone();
//!         async move {
//!             let paid: u64 = cx
//!                 .step("pay", Effect::Idempotent, item.clone(), |item, step| {
//!                     let process = process.clone();
//!                     async move { process.perform(&step, || Ok(item.len() as u64)).await }
//!                 })
//!                 .await?;
//!             cx.step("ship", Effect::Pure, paid, |paid, step| async move {
//!                 process.perform(&step, || Ok(format!("shipped for {paid}"))).await
//!             })
//!             .await
//!         }
//!     })
//! }, "lamp".to_owned())
//! .await
//! .unwrap();
//! # }
//! ```
//!
//! [`journal`] is the contract of a journal, for whoever writes one; [`journal_contract!`] writes it into a
//! test file, a test for each rule.
//!
//! # Features
//! - `orchestration`: `maniple_testkit::orchestration`, the checks for combiners and agents that are
//!   given to patterns.

mod clock;
mod contract;
mod crash;
mod leak;
mod machine;
mod prefixes;
mod random;
mod sink;
mod world;

pub use crash::{Crash, Moment};
pub use leak::{Leak, Runs, leaks_nothing};
pub use machine::{Ended, Machine};
pub use maniple_core::testkit as journal;
#[cfg(feature = "orchestration")]
pub use maniple_orchestration::testkit as orchestration;
pub use prefixes::{Examined, at_every_prefix};
pub use random::Random;
pub use sink::RecordingSink;
pub use world::{Process, Violation, World};

#[doc(hidden)]
pub mod __private {
    pub use crate::contract::block_on;
}
