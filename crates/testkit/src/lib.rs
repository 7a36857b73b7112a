//! Tools to test agents and patterns the way that Maniple tests its own: the real code runs on a
//! [`Machine`] that is crashed at every record of its journal, against a [`World`] outside that remembers
//! every effect, with services that answer from a script or fail on purpose.
//!
//! # A saga of three lines
//!
//! An order reserves, charges and ships, and what was done is taken back where a later step fails. Each of these
//! says to the [`Process`] when it has its effect.
//!
//! ```
//! use maniple_core::{AgentError, BaseAgent, Effect};
//! use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
//! use maniple_testkit::{Machine, Process};
//!
//! /// A step that asks the shop for something, and asks it to take that back where a later one fails.
//! fn ask<G, F>(step: StepBuilder<'_, String, G>, shop: &Process, does: F) -> Handle<String>
//! where
//!     G: Given,
//!     F: Fn(String, G::Values) -> Result<String, AgentError> + Clone + Send + Sync + 'static,
//! {
//!     let (asked, asked_back) = (shop.clone(), shop.clone());
//!     let act = move |item, given, step| {
//!         let (shop, done) = (asked.clone(), does(item, given));
//!         async move { shop.perform(&step, || done).await }
//!     };
//!     let undo = move |_, step| {
//!         let shop = asked_back.clone();
//!         async move { shop.perform(&step, || Ok(())).await }
//!     };
//!     step.run(Effect::Idempotent, act).undo(undo)
//! }
//!
//! /// What the shop says to what it was paid for.
//! fn ship(item: &str, paid: &str) -> Result<String, AgentError> {
//!     match item {
//!         "piano" => Err(AgentError::permanent("too heavy")),
//!         _ => Ok(format!("ship {paid}")),
//!     }
//! }
//!
//! /// An order, in a saga of three lines.
//! fn order(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
//!     let mut order = Saga::builder("order");
//!     let kept = ask(order.step("reserve"), &shop, |item, ()| Ok(format!("reserve {item}")));
//!     let paid = ask(order.step("charge").given(kept), &shop, |_, it| Ok(format!("charge {it}")));
//!     let sent = ask(order.step("ship").given(paid), &shop, |item, it| ship(&item, &it));
//!     order.build(sent).expect("each step comes after what it is given")
//! }
//!
//! #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn main() {
//!     let machine = Machine::new(7);
//!     let run = machine.run().open().await.unwrap();
//!     let shipped = run.execute(order(machine.process()), "lamp".to_owned()).await;
//!     assert_eq!(shipped.unwrap(), "ship charge reserve lamp");
//!     assert_eq!(machine.world().executions("/order[charge]/do/charge"), 1);
//! }
//! ```
//!
//! # Crashed everywhere
//!
//! [`CrashTest`] runs it once as it is, and then lets it die at each of its nine records, before the record
//! is taken, with the record durable, and with the record lost; and once more wherever the resumed run writes
//! a record. Each of these must end as the first run did: the lamp is shipped, and of the piano nothing is left
//! but the failure. In a test file this stands in a `#[tokio::test(start_paused = true)]`.
//!
//! ```
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect};
//! # use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
//! use maniple_testkit::{CrashTest, Process};
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let test = CrashTest::new(order).with_input("lamp".to_owned()).with_crashes(2);
//! let examined = test.run().await.unwrap();
//! assert_eq!(examined.records, 9);
//! assert!(examined.is_complete());
//!
//! let taken_back = CrashTest::new(order).with_input("piano".to_owned());
//! assert!(taken_back.run().await.unwrap().is_complete());
//! # }
//! ```
//!
//! # What a broken one looks like
//!
//! This one leaves a note in the memory of its process. Uncrashed, nobody notices.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect};
//! # use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
//! # use maniple_testkit::{CrashSchedule, CrashTest, Moment, Process};
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tutorial/saga.rs"));
//! /// It looks for what is reserved in the memory of its process, and not in what the step was given.
//! fn broken(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
//!     let memory = Arc::new(Mutex::new("nothing".to_owned()));
//!     let (noted, known) = (memory.clone(), memory);
//!     let mut order = Saga::builder("order");
//!     let kept = ask(order.step("reserve"), &shop, move |item, ()| {
//!         noted.lock().unwrap().clone_from(&item);
//!         Ok(format!("reserve {item}"))
//!     });
//!     let paid = ask(order.step("charge").given(kept), &shop, move |_, _| {
//!         Ok(format!("charge {}", known.lock().unwrap()))
//!     });
//!     order.build(paid).unwrap()
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let test = CrashTest::new(broken).with_input("lamp".to_owned()).with_crashes(2);
//! let failure = test.run().await.unwrap_err();
//! // The smallest of all the crashes that it does not survive.
//! assert_eq!(failure.schedule, CrashSchedule::new([(3, Moment::Unacknowledged)]));
//! assert_eq!(failure.crashed[0].key().as_str(), "/order[reserve]/do/reserve");
//! // A regression test is that one line.
//! test.replay(&failure.schedule).await.unwrap_err();
//! # }
//! ```
//!
//! A test that unwraps it shows this:
//!
//! ```text
//! it ended otherwise than the uncrashed run
//!   expected: Ok("charge lamp")
//!   found:    Ok("charge nothing")
//!   crash 1:  at record 3, the receipt of /order[reserve]/do/reserve, with it durable and its append never answered
//!   input:    "lamp"
//!   replay:   .with_seed(0).replay(&CrashSchedule::new([(3, Moment::Unacknowledged)]))
//!   as JSON:  [{"record":3,"moment":"unacknowledged"}]
//!   found in: 7 records, 12 runs; 11 of 21 ways to have 1 crash; made small in 0 more
//!   journal:
//!     0: the start of the run
//!     1: the decision of /order:%shape
//!     2: the intent of /order[reserve]/do/reserve
//!     3: the receipt of /order[reserve]/do/reserve
//!     4: the intent of /order[charge]/do/charge
//!     5: the receipt of /order[charge]/do/charge
//!     6: the end of the run
//! ```
//!
//! # With faults
//!
//! A [`FaultyAgent`] lets calls of any agent fail. Here the answer to the first call is lost when all is done,
//! and the second call panics. The faults are kept in the world, so that a crash does not begin them anew.
//!
//! ```
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect};
//! # use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
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
//! here those of an order that is dropped half way, and taken back.
//!
//! ```
//! # use std::time::Duration;
//! # use maniple_core::{AgentError, BaseAgent, Budget, Effect};
//! # use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
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
//! - `context`: `maniple_testkit::context`, the contract of stores for recall, and strategies for proptest
//!   that make conversations.
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
#[cfg(feature = "context")]
pub use maniple_context::testkit as context;
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
