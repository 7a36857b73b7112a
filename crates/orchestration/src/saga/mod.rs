//! Steps that are taken back where a later one fails.

mod act;
mod action;
mod builder;
mod desk;
mod drive;
mod error;
mod fault;
mod graph;
mod handle;
mod machine;
mod operator;
mod picture;
mod plan;
mod state;
mod step_builder;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
#[cfg(feature = "testkit")]
use maniple_core::Effect;
use maniple_core::{AgentError, BaseAgent, RunContext, Scope};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use act::Undo;
pub use builder::SagaBuilder;
pub use desk::{Decision, Stuck};
use drive::{Driver, Outcome};
pub use error::{Compensated, SagaError};
#[cfg(feature = "testkit")]
pub(crate) use fault::{Faults, Moment, Order, Part, Probe};
use handle::sealed::Any;
pub use handle::{Before, Given, Handle};
pub use operator::{OperatorError, ParkedStep, ParkedSteps, SagaOperator};
pub use picture::{StepState, StepStatus};
use plan::Plan;
use state::State;
pub use step_builder::{StepBuilder, Undoable};

use crate::report::{PatternReport, Reported};

/// The first part of the shape that a saga records of itself.
pub(crate) const SHAPE: &str = "saga";
/// The names of the contexts in which a step is done, and taken back.
const DO: &str = "do";
const UNDO: &str = "undo";
/// The name of that in which it is settled that a saga is taken back.
const ABORT: &str = "abort";

/// Steps of which each can be taken back, so that all of them happen or none does.
///
/// A saga is a graph of steps, added with [`builder`](Self::builder): each comes after the one before it
/// unless it says otherwise, and those that do not come after each other run at the same time. It ends in
/// one of three ways, and in no other:
///
/// - *Committed*: every step is done.
/// - *Compensated*: a step has failed, and every step that was completed, or of which it is not known
///   whether it happened, was taken back; none before what comes after it was. As an agent, the
///   saga then fails with [`Compensated`], which is permanent.
/// - *Parked*: an operator has to decide ([`SagaOperator`](crate::SagaOperator)), because an undo has
///   failed, or because a step that cannot be taken back is done, or may be. Everything else is done
///   before.
///
/// Cancelled, out of time, out of budget or dropped, a saga is taken back, too; killed, or dropped where
/// no tokio runtime is at work, it goes on where it was when its run is opened again and executed. Undos
/// are out of reach of what stops the saga: each has its own [time](SagaBuilder::with_undo_within), and
/// whoever waits for the saga, waits for them. A step that waits for a signal is no failure: the steps
/// beside it finish, and the saga waits.
///
/// Every step is journaled without being asked to, and so is what the saga decides, before it is acted on:
/// that it is taken back, and what was done by then. A change of the steps of a saga that is under way is
/// [`Diverged`](AgentError::Diverged).
///
/// The term is that of H. Garcia-Molina and K. Salem, *Sagas*, SIGMOD 1987.
///
/// ```
/// use maniple_core::{AgentError, Effect, Run};
/// use maniple_orchestration::{Compensated, Saga};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let mut trip = Saga::builder("trip");
/// let flight = trip
///     .step("flight")
///     .run(Effect::Reversible, |to: String, (), _| async move { Ok(format!("a flight to {to}")) })
///     .undo(|booked, _| async move {
///         // `None` where it is not known whether it was booked.
///         assert_eq!(booked.output.as_deref(), Some("a flight to Rome"));
///         Ok(())
///     });
/// trip.step("hotel")
///     .given(flight)
///     .run(Effect::Reversible, |to, flight: String, _| async move {
///         println!("{flight} is booked");
///         Err::<String, _>(AgentError::permanent(format!("no room in {to}")))
///     })
///     .undo(|_, _| async { Ok(()) });
/// let trip = trip.build(flight)?;
///
/// let run = Run::builder("example").open().await?;
/// let error = run.execute(trip, "Rome".into()).await.unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"step "hotel" failed (no room in Rome), and what was done was taken back"#
/// );
/// # Ok(())
/// # }
/// ```
pub struct Saga<I, O> {
    name: String,
    plan: Arc<Plan>,
    read: fn(&[Any]) -> O,
    input: std::marker::PhantomData<fn(I)>,
}

/// How a saga has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled<O> {
    /// Every step is done.
    Committed(O),
    /// Everything was taken back.
    Compensated(Compensated),
}

impl<I: Clone + Serialize + Send + Sync + 'static> Saga<I, ()> {
    /// A saga that is yet to be built.
    pub fn builder(name: impl Into<String>) -> SagaBuilder<I> {
        SagaBuilder::new(name.into())
    }
}

impl<I, O> Saga<I, O>
where
    I: Clone + Serialize + Send + Sync + 'static,
    O: Send + 'static,
{
    fn new(name: String, plan: Plan, read: fn(&[Any]) -> O) -> Self {
        Self { name, plan: Arc::new(plan), read, input: std::marker::PhantomData }
    }

    /// As [`run`](BaseAgent::run), where that everything was taken back is no failure.
    ///
    /// How a saga has ended in a context stands: a second try wants another
    /// [child context](RunContext::child_at).
    ///
    /// # Errors
    /// `Parked` where an operator has to decide, `Suspended` where a step waits for a signal, and
    /// `Diverged` where the journal knows another saga.
    ///
    /// # Cancel safety
    /// Dropped, the saga stops its steps and takes back what was done. The scopes around it, and
    /// [`Run::quiesce`](maniple_core::Run::quiesce), wait for that.
    pub async fn settle(&self, input: I, cx: &RunContext) -> Result<Settled<O>, AgentError> {
        self.settle_reported(input, cx).await.result
    }

    /// As [`settle`](Self::settle), with what was measured of the steps. What is taken back is no part of
    /// the report, but for the time.
    ///
    /// # Cancel safety
    /// As for [`settle`](Self::settle).
    pub async fn settle_reported(&self, input: I, cx: &RunContext) -> Reported<Settled<O>> {
        let began = Instant::now();
        let (result, report) = match self.drive(input, cx).await {
            Ok((outcome, report)) => (outcome, report),
            Err(error) => (Err(error), PatternReport::default()),
        };
        let result = result.map(|outcome| match outcome {
            Outcome::Committed(made) => Settled::Committed((self.read)(&made)),
            Outcome::Compensated(compensated) => Settled::Compensated(compensated),
        });
        Reported { result, report: PatternReport { wall: began.elapsed(), ..report } }
    }

    async fn drive(
        &self,
        input: I,
        cx: &RunContext,
    ) -> Result<(Result<Outcome, AgentError>, PatternReport), AgentError> {
        let mut scope = Scope::shielded(cx)?;
        let (name, plan) = (self.name.as_str().into(), self.plan.clone());
        // Dropped with this future, of which the driver would not hear otherwise.
        let (_held, let_go) = oneshot::channel();
        let state = State::new(name, plan, Arc::new(input), cx.clone());
        let driver = Driver::new(state, scope.children(), let_go);
        scope.spawn_worker(async move { Ok(driver.run().await) });
        let done = scope.next().await.expect("a scope answers once for its task");
        scope.close().await;
        done.result
    }
}

#[cfg(feature = "testkit")]
impl<I, O> Saga<I, O> {
    /// Its steps, in the order in which they are done one at a time.
    pub(crate) fn steps(&self) -> Vec<Described> {
        let order = self.plan.graph.order.iter();
        let steps = order.map(|step| (&self.plan.graph.nodes[*step], &self.plan.parts[*step]));
        steps
            .filter(|(_, part)| part.kind != plan::Kind::Value)
            .map(|(node, part)| Described {
                name: node.name.clone(),
                may_repeat: part.kind == plan::Kind::Step && part.effect <= Effect::Idempotent,
                has_undo: matches!(part.reversal, plan::Reversal::By(_)),
                is_final: matches!(part.reversal, plan::Reversal::Never),
            })
            .collect()
    }

    /// The same saga, that does one thing at a time and asks at each what goes wrong.
    pub(crate) fn disturbed(self, faults: Faults) -> Self {
        let plan = Plan { faults, concurrency: 1, ..Arc::unwrap_or_clone(self.plan) };
        Self { plan: Arc::new(plan), ..self }
    }
}

/// What a check wants to know of a step.
#[cfg(feature = "testkit")]
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) name: Arc<str>,
    /// Whether its action is a single step that may run twice.
    pub(crate) may_repeat: bool,
    pub(crate) has_undo: bool,
    /// Whether it cannot be taken back.
    pub(crate) is_final: bool,
}

impl<I, O> Saga<I, O> {
    /// What it is made of, to be put into another.
    fn into_parts(self) -> (Plan, fn(&[Any]) -> O) {
        (Arc::unwrap_or_clone(self.plan), self.read)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<I, O> BaseAgent for Saga<I, O>
where
    I: Clone + Serialize + Send + Sync + 'static,
    O: Send + 'static,
{
    type Input = I;
    type Output = O;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: I, cx: &RunContext) -> Result<O, AgentError> {
        match self.settle(input, cx).await? {
            Settled::Committed(output) => Ok(output),
            Settled::Compensated(compensated) => Err(compensated.into()),
        }
    }
}

impl<I, O> fmt::Debug for Saga<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&str> = self.plan.graph.nodes.iter().map(|node| &*node.name).collect();
        f.debug_struct("Saga")
            .field("name", &self.name)
            .field("steps", &steps)
            .finish_non_exhaustive()
    }
}
