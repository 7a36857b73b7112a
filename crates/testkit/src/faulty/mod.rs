//! Agents that fail on purpose.

mod schedule;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{
    AgentError, BaseAgent, Budget, Class, Classify, Effect, Key, Progress, RunContext,
};

pub use schedule::{Fault, FaultSchedule};

/// Any agent, some of whose calls meet with a [`Fault`].
///
/// It has the name of the agent, and what the agent does has the same keys. Which call it is counts
/// over all agents that were given the same [`Faults`], and over all processes: one that is entered
/// again after a crash is another call. A permanent failure stands, though: at a place that was refused
/// for good every call is, and at one where the agent was called before none is any more.
///
/// ```
/// use maniple_core::{AgentError, AgentExt, Class, Run, agent_fn};
/// use maniple_testkit::{Fault, FaultSchedule, Faults, FaultyAgent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let faults = Faults::new(FaultSchedule::at([(0, Fault::Transient)]));
/// let double = agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) });
/// let double = FaultyAgent::new(double, &faults).boxed();
///
/// let run = Run::builder("example").open().await?;
/// assert_eq!(run.execute(double.clone(), 21).await.unwrap_err().class(), Class::Transient);
/// assert_eq!(run.execute(double, 21).await?, 42);
/// faults.verify().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FaultyAgent<A> {
    agent: A,
    faults: Faults,
}

impl<A: BaseAgent> FaultyAgent<A> {
    /// Lets the calls of an agent meet with these faults.
    pub fn new(agent: A, faults: &Faults) -> Self {
        Self { agent, faults: faults.clone() }
    }
}

/// Faults on their way, and those that have been met. All clones share the count of calls; in a crash
/// test they are kept in the [world](crate::World::keep), where they outlive the processes.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    schedule: Arc<FaultSchedule>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    injected: Vec<Injected>,
    /// What stands at a place, whatever call comes there next.
    verdicts: BTreeMap<Key, Verdict>,
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// The agent was called: it cannot be said any more that it never will be.
    LetThrough,
    /// Refused for good, in this call.
    Refused(u64),
}

/// A fault that a call has met with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Which call, from 0.
    pub call: u64,
    /// The context of the agent.
    pub key: Key,
    /// What went wrong.
    pub fault: Fault,
    /// Whether the call is over. One that hangs or ignores its cancellation is not before it was
    /// cancelled or aborted.
    pub is_over: bool,
}

/// The error of a call that met with a [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InjectedError {
    /// The fault itself.
    #[error("call {call} met with {fault}, as scheduled")]
    Met {
        /// Which call, from 0.
        call: u64,
        /// What went wrong.
        fault: Fault,
    },
    /// A budget was to be burnt that has no limit.
    #[error("call {call} was to burn its budget, which has no limit: give the run one")]
    NothingToBurn {
        /// Which call, from 0.
        call: u64,
    },
}

impl Classify for InjectedError {
    fn class(&self) -> Class {
        match self {
            Self::Met { fault: Fault::Transient, .. } => Class::Transient,
            Self::Met { fault: Fault::Indeterminate | Fault::LostAnswer, .. } => {
                Class::Indeterminate
            }
            Self::Met { .. } | Self::NothingToBurn { .. } => Class::Permanent,
        }
    }
}

/// Faults that no call has met with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there were {calls} calls, and none met with {}", List(missed))]
pub struct NotMet {
    /// The calls that there were.
    pub calls: u64,
    /// What was scheduled for calls that never came.
    pub missed: FaultSchedule,
}

struct List<'a>(&'a FaultSchedule);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (call, fault)) in self.0.faults().iter().enumerate() {
            write!(f, "{}{fault} (call {call})", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Faults {
    /// Faults by a schedule, of which none has been met.
    pub fn new(schedule: FaultSchedule) -> Self {
        Self { schedule: Arc::new(schedule), state: Arc::default() }
    }

    /// What was scheduled.
    pub fn schedule(&self) -> &FaultSchedule {
        &self.schedule
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// The faults that were met, in the order of their calls.
    pub fn injected(&self) -> Vec<Injected> {
        self.lock().injected.clone()
    }

    /// Whether every fault that was scheduled was met.
    ///
    /// # Errors
    /// [`NotMet`], with those that were not: the test did not test what it was to.
    pub fn verify(&self) -> Result<(), NotMet> {
        let state = self.lock();
        let met = |call: &u64| state.injected.iter().any(|injected| injected.call == *call);
        let missed = self.schedule.faults().iter().filter(|(call, _)| !met(call));
        let missed = FaultSchedule::at(missed.map(|(call, fault)| (*call, *fault)));
        if missed.faults().is_empty() {
            return Ok(());
        }
        Err(NotMet { calls: state.calls, missed })
    }

    /// What the next call, at this place, meets with.
    fn next(&self, key: &Key) -> Option<(u64, Fault)> {
        let mut state = self.lock();
        let before = state.verdicts.get(key).copied();
        if let Some(Verdict::Refused(call)) = before {
            return Some((call, Fault::Permanent));
        }
        let call = state.calls;
        state.calls += 1;
        let fault = self.schedule.fault(call);
        let fault = fault.filter(|fault| *fault != Fault::Permanent || before.is_none());
        let verdict = match fault {
            Some(Fault::Permanent) => Some(Verdict::Refused(call)),
            None | Some(Fault::LostAnswer | Fault::BurnBudget) => Some(Verdict::LetThrough),
            Some(_) => None,
        };
        if let Some(verdict) = verdict {
            state.verdicts.insert(key.clone(), verdict);
        }
        let fault = fault?;
        state.injected.push(Injected { call, key: key.clone(), fault, is_over: false });
        Some((call, fault))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that a call is over, also where it is aborted.
struct Over<'a> {
    faults: &'a Faults,
    call: u64,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut state = self.faults.lock();
        for injected in state.injected.iter_mut().filter(|injected| injected.call == self.call) {
            injected.is_over = true;
        }
    }
}

/// How often a call that gets no further tells that it is alive.
const BEAT: Duration = Duration::from_secs(1);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: BaseAgent> BaseAgent for FaultyAgent<A> {
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let Some((call, fault)) = self.faults.next(&cx.path()) else {
            return self.agent.run(input, cx).await;
        };
        let _over = Over { faults: &self.faults, call };
        let met = InjectedError::Met { call, fault };
        match fault {
            Fault::Transient | Fault::Permanent | Fault::Indeterminate => Err(met.into()),
            Fault::LostAnswer => {
                // Where it failed, there was no answer to lose.
                self.agent.run(input, cx).await?;
                Err(met.into())
            }
            Fault::BurnBudget => {
                burn(call, cx).await?;
                self.agent.run(input, cx).await
            }
            // As a panic that no hook hears of: it is no news.
            Fault::Panic => std::panic::resume_unwind(Box::new(met.to_string())),
            Fault::Hang => {
                cx.cancelled().await;
                Err(AgentError::Cancelled { key: cx.path() })
            }
            Fault::Beat => beat(cx).await,
            Fault::IgnoreCancel => pending().await,
        }
    }
}

/// In a context beside what the agent opens, whose names stay as they are.
async fn burn(call: u64, cx: &RunContext) -> Result<(), AgentError> {
    if cx.lease().limit() == Budget::UNLIMITED {
        return Err(InjectedError::NothingToBurn { call }.into());
    }
    let finite = |amount: u64| if amount == u64::MAX { 0 } else { amount };
    let Budget { tokens, cost_micros, calls } = cx.remaining();
    let amount =
        Budget { tokens: finite(tokens), cost_micros: finite(cost_micros), calls: finite(calls) };
    let cx = cx.child_at(format!("injected by call {call}"));
    let effect = Effect::Idempotent.reserving(amount);
    cx.step("burn", effect, (), |(), step| async move {
        step.spend(amount);
        Ok(())
    })
    .await
}

async fn beat<O>(cx: &RunContext) -> Result<O, AgentError> {
    let beating = async {
        loop {
            cx.progress(|| Progress { message: "still here".into(), done: 0, total: None });
            tokio::time::sleep(BEAT).await;
        }
    };
    match futures::future::select(std::pin::pin!(beating), std::pin::pin!(cx.cancelled())).await {
        futures::future::Either::Left((never, _)) => never,
        futures::future::Either::Right(_) => Err(AgentError::Cancelled { key: cx.path() }),
    }
}
