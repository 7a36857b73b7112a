use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, Fact, Key, Record, RecordedError, RunBuilder};
use serde_json::Value;

use super::report::Wrong;
use super::schedule::{CrashSchedule, Crashed, Executioner};
use crate::clock::Clock;
use crate::leak::Alive;
use crate::machine::{Ended, Machine};
use crate::world::{Process, World};

pub(super) type Configure = Arc<dyn Fn(RunBuilder, &World) -> RunBuilder + Send + Sync>;
pub(super) type Answer = Arc<dyn Fn(&Key) -> Value + Send + Sync>;

/// How often a run that has not ended for good is executed again.
const RESUMES: usize = 8;

/// How many processes a run has at most.
const PROCESSES: usize = 256;

/// What does not change from run to run.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) seed: u64,
    pub(super) patience: Duration,
    pub(super) configure: Configure,
    pub(super) answer: Option<Answer>,
}

/// A run from its first process to its last.
pub(super) struct Lived<O> {
    pub(super) ended: Result<Result<O, RecordedError>, Wrong>,
    pub(super) crashed: Vec<Crashed>,
    /// Since the last crash.
    pub(super) records: usize,
    pub(super) journal: Vec<Record>,
}

impl<O> Lived<O> {
    pub(super) fn is_parked(&self) -> bool {
        matches!(&self.ended, Ok(Err(RecordedError { class: Class::Parked, .. })))
    }
}

impl<O: Debug + PartialEq> Lived<O> {
    /// What is wrong with it, where the uncrashed run ended like this.
    pub(super) fn wrong(&self, expected: &Result<O, RecordedError>) -> Option<Wrong> {
        let found = match &self.ended {
            Err(wrong) => return Some(wrong.clone()),
            Ok(found) => found,
        };
        if found == expected || (self.is_parked() && self.is_in_doubt()) {
            return None;
        }
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        Some(Wrong::Differs { expected, found })
    }

    /// Whether a step that may not repeat has an intent and no outcome.
    fn is_in_doubt(&self) -> bool {
        let mut open = BTreeMap::new();
        for Record { key, fact, .. } in &self.journal {
            match fact {
                Fact::Intent { effect, .. } => open.insert(key, !effect.may_repeat()),
                Fact::Receipt { .. } | Fact::Failed { .. } | Fact::Abandoned => open.remove(key),
                _ => continue,
            };
        }
        open.values().any(|is_strong| *is_strong)
    }
}

impl Host {
    /// Runs an agent as a host does: it is started again after each crash, and executed again, some
    /// times, as long as it has not ended for good.
    pub(super) async fn live<A, B>(
        &self,
        build: &B,
        input: &A::Input,
        schedule: &CrashSchedule,
    ) -> Lived<A::Output>
    where
        A: BaseAgent,
        A::Input: Clone,
        B: Fn(Process) -> A,
    {
        let machine = Machine::new(self.seed);
        let executioner = Executioner::new(schedule.clone());
        let ended = self.boot_until_it_ends(&machine, &executioner, build, input).await;
        Lived {
            ended: ended.map(|result| result.map_err(|error| error.recorded())),
            crashed: executioner.crashed(),
            records: executioner.records_since(),
            journal: machine.records(),
        }
    }

    async fn boot_until_it_ends<A, B>(
        &self,
        machine: &Machine,
        executioner: &Executioner,
        build: &B,
        input: &A::Input,
    ) -> Result<Result<A::Output, AgentError>, Wrong>
    where
        A: BaseAgent,
        A::Input: Clone,
        B: Fn(Process) -> A,
    {
        let mut resumes = 0;
        for _ in 0..PROCESSES {
            let alive = Alive::now();
            let configure = |run| (self.configure)(run, machine.world());
            let process = machine.boot(executioner.crash(), configure, build, input.clone());
            let ended = tokio::time::timeout(self.patience, process).await;
            let ended = ended.map_err(|_| Wrong::NeverEnded { patience: self.patience })?;
            alive.is_restored(Clock::Paused).await.map_err(Wrong::Leaked)?;
            machine.check().map_err(Wrong::Forbidden)?;
            check_once(machine)?;
            let result = match ended {
                Ended::Crashed => continue,
                Ended::Returned(result, _) => result,
            };
            match (&result, &self.answer) {
                (Err(AgentError::Suspended { signals }), Some(answer)) => {
                    for signal in &**signals {
                        self.deliver(machine, signal, &answer(signal)).await?;
                    }
                }
                (Err(error), _) if may_go_on(error.class()) && resumes < RESUMES => resumes += 1,
                _ => return Ok(result),
            }
        }
        Err(Wrong::Unsettled { processes: PROCESSES })
    }

    async fn deliver(&self, machine: &Machine, signal: &Key, answer: &Value) -> Result<(), Wrong> {
        let failed = |error: AgentError| Wrong::Undelivered {
            signal: signal.clone(),
            reason: error.to_string(),
        };
        let run = (self.configure)(machine.run(), machine.world()).open().await.map_err(failed)?;
        run.deliver(signal, answer).await.map(drop).map_err(failed)
    }
}

/// Whether executing the run again may lead further.
fn may_go_on(class: Class) -> bool {
    matches!(class, Class::Transient | Class::Indeterminate | Class::Cancelled | Class::Panicked)
}

/// That no step that may not repeat had its effect again. One that failed had none.
fn check_once(machine: &Machine) -> Result<(), Wrong> {
    for Record { key, fact, .. } in machine.records() {
        if let Fact::Intent { effect, .. } = fact
            && !effect.may_repeat()
        {
            let times = machine.world().successes(&key);
            if times > 1 {
                return Err(Wrong::Repeated { key, times });
            }
        }
    }
    Ok(())
}
