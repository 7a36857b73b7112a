//! Who runs a saga: process after process on one journal and one world, until it has ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, pending, ready};
use maniple_core::{
    AgentError, BaseAgent, Fact, Journal, JournalError, Key, MemoryJournal, Outcome as Recorded,
    Payload, Reconciled, Record, Run, RunBuilder, RunId, reconciler_fn,
};
use maniple_orchestration::{Compensated, Decision};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::program::output;
use crate::world::*;

/// Longer than anything that a test waits for, in simulated time.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// How a process dies at a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    Unacknowledged,
    /// It goes on for a while, and nothing becomes durable any more.
    Lost,
}

impl Moment {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::Unacknowledged, Self::Lost];
}

/// The journal of one process.
#[derive(Debug, Clone)]
struct Mortal {
    durable: MemoryJournal,
    left: Arc<Mutex<usize>>,
    moment: Moment,
    dead: watch::Sender<bool>,
}

impl Journal for Mortal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut left = self.left.lock().unwrap();
        if *self.dead.borrow() {
            return pending().boxed();
        }
        if *left > 0 {
            *left -= 1;
            drop(self.durable.append(record));
            return ready(Ok(())).boxed();
        }
        if self.moment == Moment::Unacknowledged {
            drop(self.durable.append(record));
        }
        self.dead.send_replace(true);
        pending().boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.durable.load()
    }
}

/// What a reconciler answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oracle {
    Parks,
    /// What has not happened runs, and what has does so once more.
    Reruns,
    /// It asks the world.
    Knows,
}

impl Oracle {
    pub(crate) const ALL: [Self; 3] = [Self::Parks, Self::Reruns, Self::Knows];
}

/// A machine on which the processes of a run live and die.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) journal: MemoryJournal,
    pub(crate) world: World,
    pub(crate) oracle: Oracle,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Ended<O> {
    Returned(Result<O, AgentError>),
    Crashed,
}

/// How a saga ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<O> {
    Committed(O),
    Compensated(Compensated),
}

impl Host {
    pub(crate) fn new(oracle: Oracle) -> Self {
        Self { journal: MemoryJournal::new(), world: World::default(), oracle }
    }

    /// A step of the world is named as the last part of its key.
    fn run(&self, journal: impl Journal) -> RunBuilder {
        let (world, oracle) = (self.world.clone(), self.oracle);
        let run = Run::builder("saga").with_id(RunId::new("saga")).with_journal(journal);
        match oracle {
            Oracle::Parks => run,
            Oracle::Reruns => run.with_reconciler(reconciler_fn(|_| ready(Reconciled::Rerun))),
            Oracle::Knows => run.with_reconciler(reconciler_fn(move |doubt| {
                let name = name_of(&doubt.key);
                ready(if world.has_happened(&name) {
                    Reconciled::Completed(Payload::encode(&output(&name)).unwrap())
                } else {
                    Reconciled::Failed("the world knows nothing of it".into())
                })
            })),
        }
    }

    /// Something that is done with a run in simulated time, after which nothing of the run is alive.
    pub(crate) fn simulate<T>(&self, test: impl AsyncFnOnce(&Run) -> T) -> T {
        self.learn();
        in_paused_time(async {
            let run = self.run(self.journal.clone()).open().await.unwrap();
            let result = test(&run).await;
            run.quiesce().await;
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "no task is left");
            result
        })
    }

    /// A process that dies at a record.
    pub(crate) fn boot<A>(
        &self,
        agent: A,
        input: A::Input,
        crash: Option<(usize, Moment)>,
    ) -> Ended<A::Output>
    where
        A: BaseAgent,
    {
        let Some((place, moment)) = crash else {
            return self.simulate(async |run| Ended::Returned(run.execute(agent, input).await));
        };
        self.learn();
        let (left, dead) = (Arc::new(Mutex::new(place)), watch::Sender::new(false));
        let journal = Mortal { durable: self.journal.clone(), left, moment, dead };
        let mut dying = journal.dead.subscribe();
        in_paused_time(async {
            let dying = async {
                dying.wait_for(|dead| *dead).await.unwrap();
                if moment == Moment::Lost {
                    tokio::time::sleep(DAY / 2).await;
                }
            };
            let living = async {
                let run = self.run(journal).open().await.unwrap();
                let result = run.execute(agent, input).await;
                run.quiesce().await;
                result
            };
            tokio::select! {
                biased;
                () = dying => Ended::Crashed,
                result = living => Ended::Returned(result),
            }
        })
    }

    /// Goes on until the saga has ended: delivers what is waited for, and decides what is parked.
    pub(crate) fn settle<A: BaseAgent>(
        &self,
        build: impl Fn() -> A,
        input: A::Input,
        decision: &Decision,
        crashes: &[(usize, Moment)],
    ) -> Outcome<A::Output>
    where
        A::Input: Clone,
    {
        let mut crashes = crashes.iter().copied();
        for _ in 0..100 {
            let result = match self.boot(build(), input.clone(), crashes.next()) {
                Ended::Crashed => continue,
                Ended::Returned(result) => result,
            };
            match result {
                Ok(output) => return Outcome::Committed(output),
                Err(AgentError::Suspended { signals }) => {
                    self.simulate(async |run| {
                        for signal in signals.iter() {
                            run.deliver(signal, &1_u64).await.unwrap();
                        }
                    });
                }
                Err(AgentError::Parked { step, reason }) => {
                    let decision = if reason.contains("there is no undo") {
                        Decision::Skip
                    } else if reason.contains("is not taken back") {
                        Decision::Retry
                    } else {
                        decision.clone()
                    };
                    self.simulate(async |run| {
                        let delivered = run.deliver(&step, &decision).await.unwrap();
                        assert_eq!(delivered, maniple_core::Delivery::Accepted, "{step} {reason}");
                    });
                }
                Err(error) => return Outcome::Compensated(compensated(&error)),
            }
        }
        panic!("a hundred processes, and it has not ended");
    }

    /// Tells the world what is completed for good.
    fn learn(&self) {
        let is_done = |fact: &Fact| matches!(fact, Fact::Receipt { outcome: Recorded::Ok(_), .. });
        let records = self.journal.records().into_iter();
        self.world.complete(records.filter(|r| is_done(&r.fact)).map(|r| r.key).collect());
    }
}

/// The step of a program in whose place this lies.
fn name_of(key: &Key) -> String {
    let key = key.as_str();
    let (_, name) = key.split_once('[').unwrap();
    name.split_once(']').unwrap().0.replace("%2F", "/")
}

pub(crate) fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DAY, test).await.expect("it hangs") })
}

pub(crate) fn compensated(error: &AgentError) -> Compensated {
    match error {
        AgentError::Failed { source, .. } => {
            source.downcast_ref::<Compensated>().unwrap_or_else(|| panic!("{error:?}")).clone()
        }
        other => panic!("a saga ends in another way: {other:?}"),
    }
}
