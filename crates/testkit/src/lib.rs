//! Tools to test agents and patterns the way that Maniple tests its own: the real code runs on a
//! [`Machine`] that is crashed at every record of its journal, against a [`World`] outside that remembers
//! every effect, with services that answer from a script or fail on purpose.
//!
//! # A saga of three lines
//!
//! An order reserves, charges and ships. Each is a step, and says to the [`Process`] when it has its effect.
//!
//! ```
//! use maniple_core::{AgentError, BaseAgent, Effect, RunContext, agent_fn};
//! use maniple_testkit::{Machine, Process};
//!
//! /// A step that asks the shop for something.
//! async fn act(
//!     cx: &RunContext,
//!     shop: &Process,
//!     name: &str,
//!     item: String,
//! ) -> Result<String, AgentError> {
//!     let (shop, done) = (shop.clone(), format!("{name} {item}"));
//!     cx.step(name, Effect::Idempotent, item, |_, step| async move {
//!         shop.perform(&step, || Ok(done)).await
//!     })
//!     .await
//! }
//!
//! /// An order in three steps.
//! fn order(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
//!     agent_fn("order", move |item: String, cx| {
//!         let shop = shop.clone();
//!         async move {
//!             let reserved = act(&cx, &shop, "reserve", item).await?;
//!             let charged = act(&cx, &shop, "charge", reserved).await?;
//!             act(&cx, &shop, "ship", charged).await
//!         }
//!     })
//! }
//!
//! #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn main() {
//!     let machine = Machine::new(7);
//!     let run = machine.run().open().await.unwrap();
//!     let shipped = run.execute(order(machine.process()), "lamp".to_owned()).await;
//!     assert_eq!(shipped.unwrap(), "ship charge reserve lamp");
//!     assert_eq!(machine.world().executions("/order/charge"), 1);
//! }
//! ```
//!
//! # Crashed everywhere
//!
//! [`CrashTest`] runs it once as it is, and then lets it die at each of its eight records, before the record
//! is taken, with the record durable, and with the record lost; and once more wherever the resumed run writes
//! a record. Each of these must end as the first run did. In a test file this stands in a
//! `#[tokio::test(start_paused = true)]`.
//!
//! ```
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect, RunContext, agent_fn};
//! use maniple_testkit::{CrashTest, Process};
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let test = CrashTest::new(order).with_input("lamp".to_owned()).with_crashes(2);
//! let examined = test.run().await.unwrap();
//! assert_eq!(examined.records, 8);
//! assert!(examined.is_complete());
//! # }
//! ```
//!
//! # What a broken one looks like
//!
//! This one draws the number of its invoice between the steps. Uncrashed, nobody notices.
//!
//! ```
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicU64, Ordering};
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect, RunContext, agent_fn};
//! # use maniple_testkit::{CrashSchedule, CrashTest, Moment, Process};
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! /// It draws the number of its invoice outside of a step, so that a resumed order has another one.
//! fn broken(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
//!     agent_fn("order", move |item: String, cx| {
//!         let shop = shop.clone();
//!         async move {
//!             let reserved = act(&cx, &shop, "reserve", item).await?;
//!             let invoices = shop.world().keep("invoices", || Arc::new(AtomicU64::new(1)));
//!             let invoice = invoices.fetch_add(1, Ordering::Relaxed);
//!             let bill = format!("{reserved} on invoice {invoice}");
//!             let charged = act(&cx, &shop, "charge", bill).await?;
//!             act(&cx, &shop, "ship", charged).await
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let test = CrashTest::new(broken).with_input("lamp".to_owned()).with_crashes(2);
//! let failure = test.run().await.unwrap_err();
//! // The smallest of all the crashes that it does not survive.
//! assert_eq!(failure.schedule, CrashSchedule::new([(3, Moment::Before)]));
//! assert_eq!(failure.crashed[0].key().as_str(), "/order/charge");
//! // A regression test is that one line.
//! test.replay(&failure.schedule).await.unwrap_err();
//! # }
//! ```
//!
//! A test that unwraps it shows this:
//!
//! ```text
//! it ended otherwise than the uncrashed run
//!   expected: Ok("ship charge reserve lamp on invoice 1")
//!   found:    Ok("ship charge reserve lamp on invoice 2")
//!   crash 1:  at record 3, the intent of /order/charge, before it was taken
//!   input:    "lamp"
//!   replay:   .with_seed(0).replay(&CrashSchedule::new([(3, Moment::Before)]))
//!   as JSON:  [{"record":3,"moment":"before"}]
//!   found in: 8 records, 11 runs; 10 of 24 ways to have 1 crash; made small in 0 more
//!   journal:
//!     0: the start of the run
//!     1: the intent of /order/reserve
//!     2: the receipt of /order/reserve
//!     3: the intent of /order/charge
//!     4: the receipt of /order/charge
//!     5: the intent of /order/ship
//!     6: the receipt of /order/ship
//!     7: the end of the run
//! ```
//!
//! # With faults
//!
//! A [`FaultyAgent`] lets calls of any agent fail. Here the answer to the first call is lost when all is done,
//! and the second call panics. The faults are kept in the world, so that a crash does not begin them anew.
//!
//! ```
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect, RunContext, agent_fn};
//! use maniple_testkit::{CrashTest, Fault, FaultSchedule, Faults, FaultyAgent, Process};
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let schedule = FaultSchedule::at([(0, Fault::LostAnswer), (1, Fault::Panic)]);
//! let faulty = move |shop: Process| {
//!     let faults = shop.world().keep("faults", || Faults::new(schedule.clone()));
//!     FaultyAgent::new(order(shop), &faults)
//! };
//! CrashTest::new(faulty).with_input("lamp".to_owned()).run().await.unwrap();
//! # }
//! ```
//!
//! A [`ScriptedAgent`] stands for a model or a service, and answers from a script.
//!
//! # Nothing leaks
//!
//! A crash test notices tasks that outlive their process. [`leaks_nothing`] also finds leases and contexts,
//! here those of an order that is dropped half way.
//!
//! ```
//! # use std::time::Duration;
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect, RunContext, agent_fn};
//! use maniple_testkit::{Machine, Process, leaks_nothing};
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! leaks_nothing(|| async {
//!     let machine = Machine::new(7);
//!     let run = machine.run().with_budget(Budget::tokens(100)).open().await.unwrap();
//!     let order = run.execute(order(machine.process()), "lamp".to_owned());
//!     tokio::time::timeout(Duration::from_millis(1), order).await.unwrap_err();
//!     run
//! })
//! .await
//! .unwrap();
//! # }
//! ```
//!
//! # For stores
//!
//! [`journal_contract!`] writes the contract suite of journals into a test file, a test for each rule;
//! [`journal`] is the same contract as functions. `store_contract!` and `bundles` (feature `bundles`) are
//! those of stores of sessions.
//!
//! # Features
//! - `bundles`: `maniple_testkit::store_contract!` and `maniple_testkit::bundles`, the contract of stores of
//!   sessions.
//! - `proptest`: `maniple_testkit::strategy`, strategies for inputs, runs, faults and crashes; and
//!   `CrashTest::with_inputs`, whose failures shrink to an input and its crashes.
//! - `orchestration`: `maniple_testkit::orchestration`, the checks for combiners and agents that are
//!   given to patterns.
//!
//! None is on by default. Tokio's `test-util` is: the tools need its paused clock.

mod clock;
mod contract;
mod crash;
mod crash_test;
mod faulty;
mod leak;
mod machine;
mod random;
mod scripted;
mod sink;
#[cfg(feature = "proptest")]
pub mod strategy;
mod world;

pub use crash::{Crash, Moment};
#[cfg(feature = "proptest")]
pub use crash_test::GeneratedCrashTest;
pub use crash_test::{
    CrashPoint, CrashSchedule, CrashTest, Crashed, Examined, Failure, Level, Report, Wrong,
};
pub use faulty::{Fault, FaultSchedule, Faults, FaultyAgent, Injected, InjectedError, NotMet};
pub use leak::{Leak, Runs, leaks_nothing};
pub use machine::{Ended, Machine};
#[cfg(feature = "bundles")]
pub use maniple_bundles::testkit as bundles;
pub use maniple_core::testkit as journal;
#[cfg(feature = "orchestration")]
pub use maniple_orchestration::testkit as orchestration;
pub use random::Random;
pub use scripted::{Journaled, Replied, ScriptError, ScriptedAgent, ScriptedCall, Unjournaled};
pub use sink::RecordingSink;
pub use world::{Process, Violation, World};

#[doc(hidden)]
pub mod __private {
    pub use crate::contract::block_on;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
