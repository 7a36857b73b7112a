use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use maniple_core::{
    AgentError, BaseAgent, Fact, Journal, MemoryJournal, Outcome, Record, Run, RunBuilder, RunId,
    RunStats,
};

use crate::crash::{Crash, CrashJournal, Phase, Withheld};
use crate::world::{Process, Violation, World};

/// A machine on which processes of one run live and die. What they leave behind is the journal and
/// the world.
///
/// It needs a current-thread runtime with paused time: the same seed then gives the same run.
#[derive(Debug, Clone)]
pub struct Machine {
    seed: u64,
    booted: Arc<AtomicU64>,
    durable: MemoryJournal,
    world: World,
    withheld: Withheld,
    #[cfg(feature = "broken")]
    broken: Option<maniple_core::Rule>,
}

/// How a process ended.
#[derive(Debug)]
pub enum Ended<O> {
    /// The run returned.
    Returned(Result<O, AgentError>, RunStats),
    /// The process died.
    Crashed,
}

impl<O> Ended<O> {
    /// The result of a process that did not die.
    ///
    /// # Errors
    /// The run's error.
    ///
    /// # Panics
    /// When the process died.
    pub fn result(self) -> Result<O, AgentError> {
        match self {
            Self::Returned(result, _) => result,
            Self::Crashed => panic!("the process died, it returned nothing"),
        }
    }

    /// Whether the process died.
    pub fn is_crash(&self) -> bool {
        matches!(self, Self::Crashed)
    }
}

/// How long a process that loses its records goes on, in simulated time: longer than anything that
/// an agent of a test waits for.
const LOSING: Duration = Duration::from_secs(3600);

impl Machine {
    /// A machine with an empty journal. The seed decides every interleaving.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            booted: Arc::default(),
            durable: MemoryJournal::new(),
            world: World::default(),
            withheld: Withheld::default(),
            #[cfg(feature = "broken")]
            broken: None,
        }
    }

    /// Lets every run on this machine break a rule.
    #[cfg(feature = "broken")]
    #[doc(hidden)]
    pub fn breaking(mut self, rule: Option<maniple_core::Rule>) -> Self {
        self.broken = rule;
        self
    }

    /// Lets what is durable of some receipts be [withheld](Record::withhold), as in a store that keeps no
    /// secrets: those of a success for which this answers yes. Those of what
    /// [`run`](Self::run) opens are kept.
    pub fn withholding(mut self, which: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        self.withheld = Withheld::when(which);
        self
    }

    /// A run on this machine that is yet to be opened, on what is durable.
    pub fn run(&self) -> RunBuilder {
        self.run_on(self.durable.clone())
    }

    #[cfg_attr(
        not(feature = "broken"),
        expect(clippy::unused_self, reason = "only a broken variant asks the machine")
    )]
    fn run_on(&self, journal: impl Journal) -> RunBuilder {
        let run = Run::builder("simulated").with_id(RunId::new("simulated")).with_journal(journal);
        #[cfg(feature = "broken")]
        if let Some(rule) = self.broken {
            return run.breaking(rule);
        }
        run
    }

    /// What is outside of it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// A process that does not die, for the agents of a run that the test opens and executes itself:
    /// the [`run`](Self::run) of this machine.
    pub fn process(&self) -> Process {
        self.process_on(&CrashJournal::new(
            self.durable.clone(),
            Crash::never(),
            self.withheld.clone(),
        ))
    }

    fn process_on(&self, journal: &CrashJournal) -> Process {
        let boot = self.booted.fetch_add(1, Ordering::Relaxed);
        let seed = self.seed.wrapping_add(boot << 32);
        Process::new(self.world.clone(), boot, journal.clone(), seed)
    }

    /// All that is durable.
    pub fn records(&self) -> Vec<Record> {
        self.durable.records()
    }

    /// Starts a process that opens the run and executes an agent, until it returns or dies.
    ///
    /// # Panics
    /// When the journal cannot be opened.
    pub async fn boot<A, B>(
        &self,
        crash: Crash,
        configure: impl FnOnce(RunBuilder) -> RunBuilder,
        build: B,
        input: A::Input,
    ) -> Ended<A::Output>
    where
        A: BaseAgent,
        B: FnOnce(Process) -> A,
    {
        let journal = CrashJournal::new(self.durable.clone(), crash, self.withheld.clone());
        let process = self.process_on(&journal);
        let builder = self.run_on(journal.clone());
        let opening = pin!(configure(builder).open());
        let run = match select(opening, pin!(journal.reaches(Phase::Losing))).await {
            Either::Left((run, _)) => run.expect("the journal of a machine is readable"),
            Either::Right(_) => return Ended::Crashed,
        };
        let agent = build(process.clone());
        let result = {
            let executing = pin!(run.execute(agent, input));
            let dying = pin!(async {
                journal.reaches(Phase::Losing).await;
                if !journal.is_dead() {
                    tokio::time::sleep(LOSING).await;
                }
            });
            let cancelling = pin!(async {
                process.cancel.notified().await;
                run.cancel();
                std::future::pending::<()>().await;
            });
            match select(executing, select(dying, cancelling)).await {
                Either::Left((result, _)) => Some(result),
                Either::Right(_) => None,
            }
        };
        let crashed = result.is_none();
        journal.bury();
        let stats = run.stats();
        run.quiesce().await;
        drop(run);
        match process.leaked(1) {
            0 => {}
            leaked => self.world.violate(format!("{leaked} tasks outlived their run")),
        }
        match result {
            Some(result) if !crashed => Ended::Returned(result, stats),
            _ => Ended::Crashed,
        }
    }

    /// What must be so whatever happened: no step or branch has two receipts that answer, and the world
    /// saw nothing forbidden.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn check(&self) -> Result<(), Violation> {
        if let Some(violation) = self.world.violations().into_iter().next() {
            return Err(violation);
        }
        let mut ended = std::collections::BTreeSet::new();
        for record in self.records() {
            let ends = match &record.fact {
                Fact::Receipt { outcome, .. } => *outcome != Outcome::Withheld,
                fact => *fact == Fact::Abandoned,
            };
            if ends && !ended.insert(record.key.clone()) {
                return Err(Violation(format!("{} ended twice", record.key)));
            }
        }
        Ok(())
    }
}
