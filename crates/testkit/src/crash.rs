use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use maniple_core::{Journal, JournalError, MemoryJournal, Record, Source};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// When and how a process dies, seen from its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// At once, before the record is taken.
    Before,
    /// At once, with the record durable and its append never answered.
    Unacknowledged,
    /// A little later: the record and all after it are taken and lost, and what does not wait for
    /// them goes on until nothing moves any more.
    Lost,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::Unacknowledged, Self::Lost];
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before it was taken",
            Self::Unacknowledged => "with it durable and its append never answered",
            Self::Lost => "losing it and all after it, and going on for a while",
        })
    }
}

/// Chooses the record at which a process dies: it is asked for each record of this process, with its
/// place from 0.
#[derive(Clone)]
pub struct Crash(Arc<Choose>);

type Choose = dyn Fn(usize, &Record) -> Option<Moment> + Send + Sync;

impl Crash {
    /// Never.
    pub fn never() -> Self {
        Self::when(|_, _| None)
    }

    /// At the record of this place, counted from 0 in this process.
    pub fn at(place: usize, moment: Moment) -> Self {
        Self::when(move |at, _| (at == place).then_some(moment))
    }

    /// At the first record for which this answers.
    pub fn when(choose: impl Fn(usize, &Record) -> Option<Moment> + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }
}

impl fmt::Debug for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crash")
    }
}

/// Chooses the receipts of which the output does not become durable.
#[derive(Clone)]
pub(crate) struct Withheld(Arc<dyn Fn(&Record) -> bool + Send + Sync>);

impl Withheld {
    pub(crate) fn when(which: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(which))
    }

    /// What becomes durable of a record.
    fn written(&self, record: Record) -> Record {
        let withheld = (self.0)(&record).then(|| record.clone().withhold()).flatten();
        withheld.unwrap_or(record)
    }
}

impl Default for Withheld {
    fn default() -> Self {
        Self::when(|_| false)
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Withheld")
    }
}

/// The journal of one process: what is durable outlives it.
#[derive(Debug, Clone)]
pub(crate) struct CrashJournal {
    durable: MemoryJournal,
    crash: Crash,
    withheld: Withheld,
    state: Arc<Mutex<State>>,
    phase: watch::Sender<Phase>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
}

/// How dead the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Alive,
    /// Nothing becomes durable any more.
    Losing,
    Dead,
    /// What the process was to its end is known, and whatever of it still waits is told to end: a
    /// process takes its tasks along, and the run's own would wait for ever.
    Buried,
}

impl CrashJournal {
    pub(crate) fn new(durable: MemoryJournal, crash: Crash, withheld: Withheld) -> Self {
        let (phase, state) = (watch::Sender::new(Phase::Alive), Arc::default());
        Self { durable, crash, withheld, state, phase }
    }

    pub(crate) fn durable(&self) -> &MemoryJournal {
        &self.durable
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.phase.borrow() >= Phase::Dead
    }

    pub(crate) fn bury(&self) {
        self.phase.send_replace(Phase::Buried);
    }

    /// Waits until the process is in this phase, or a later one.
    pub(crate) async fn reaches(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        let reached = |now: &Phase| *now >= phase;
        // The sender is a part of `self`, so the channel stays open.
        let _ = phases.wait_for(reached).await;
    }

    /// An append that is never answered while anybody could see it.
    fn lost(&self) -> BoxFuture<'static, Result<(), JournalError>> {
        let journal = self.clone();
        let answer = async move {
            journal.reaches(Phase::Buried).await;
            Err(JournalError::Stopped { source: Source::new("the process has died") })
        };
        answer.boxed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for CrashJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut state = self.state();
        if *self.phase.borrow() != Phase::Alive {
            return self.lost();
        }
        let place = state.taken;
        state.taken += 1;
        match (self.crash.0)(place, &record) {
            None => {
                drop(self.durable.append(self.withheld.written(record)));
                ready(Ok(())).boxed()
            }
            Some(moment) => {
                if moment == Moment::Unacknowledged {
                    drop(self.durable.append(self.withheld.written(record)));
                }
                let phase = if moment == Moment::Lost { Phase::Losing } else { Phase::Dead };
                self.phase.send_replace(phase);
                self.lost()
            }
        }
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.durable.load()
    }
}
