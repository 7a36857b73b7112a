use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::RunState;
use crate::identity::Key;

/// Counts the time that a run has been working, over all its processes: while it is paused, between
/// two executions and while it is not running at all, the clock stands still.
#[derive(Debug)]
pub(crate) struct WorkClock {
    /// What earlier processes have worked.
    before: Duration,
    opened: Instant,
    /// A [`Reading`]. It is asked for with every record, so that looking takes no lock.
    reading: AtomicU64,
    working: Mutex<Count>,
    pace: watch::Sender<Pace>,
}

/// What tells the time that this process has worked, in nanoseconds: half of what fits, since one bit
/// says which it is, and that is 292 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All the time since the run was opened, but for so much.
    Runs {
        stood: u64,
    },
    Stands {
        worked: u64,
    },
}

impl Reading {
    fn unpack(bits: u64) -> Self {
        let nanos = bits >> 1;
        if bits & 1 == 0 { Self::Runs { stood: nanos } } else { Self::Stands { worked: nanos } }
    }

    fn pack(self) -> u64 {
        match self {
            Self::Runs { stood } => stood << 1,
            Self::Stands { worked } => worked << 1 | 1,
        }
    }

    /// The time worked, so long after the run was opened.
    fn worked(self, open: u64) -> u64 {
        match self {
            Self::Runs { stood } => open.saturating_sub(stood),
            Self::Stands { worked } => worked,
        }
    }
}

/// How many there are for which the clock runs.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    executions: usize,
    shielded: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pace {
    paused: bool,
    /// Nothing is executed, and something was.
    idle: bool,
    /// Something is at work that goes on when its execution has ended.
    shielded: bool,
}

impl Pace {
    fn stands(self) -> bool {
        self.paused || (self.idle && !self.shielded)
    }
}

/// Lets the clock run for as long as it is held.
#[derive(Debug)]
pub(crate) struct Working<'a>(&'a WorkClock);

/// As [`Working`], for tasks that go on when their execution has ended: they wait, and are bounded, by
/// working time too.
pub(crate) struct Shielded {
    run: Arc<RunState>,
    place: Key,
}

impl WorkClock {
    /// It runs from here on, for hosts that drive agents without an execution.
    pub(crate) fn start(before: Duration) -> Self {
        Self {
            before,
            opened: Instant::now(),
            reading: AtomicU64::new(Reading::Runs { stood: 0 }.pack()),
            working: Mutex::default(),
            pace: watch::Sender::new(Pace::default()),
        }
    }

    pub(crate) fn worked(&self) -> Duration {
        let mut bits = self.reading.load(Ordering::Acquire);
        loop {
            let worked = Reading::unpack(bits).worked(self.open());
            // What was read belongs to this time only if it still holds after looking at the time.
            let now = self.reading.load(Ordering::Acquire);
            if now == bits {
                return self.before + Duration::from_nanos(worked);
            }
            bits = now;
        }
    }

    /// How long the run has been open in this process.
    fn open(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn pause(&self) {
        self.change(|_, pace| pace.paused = true);
    }

    pub(crate) fn resume(&self) {
        self.change(|_, pace| pace.paused = false);
    }

    pub(crate) fn work(&self) -> Working<'_> {
        self.change(|count, pace| {
            count.executions += 1;
            pace.idle = false;
        });
        Working(self)
    }

    /// One load, while the clock runs.
    pub(crate) fn is_paused(&self) -> bool {
        let reading = Reading::unpack(self.reading.load(Ordering::Acquire));
        matches!(reading, Reading::Stands { .. }) && self.pace.borrow().paused
    }

    /// Waits until the run is not paused.
    pub(crate) async fn resumed(&self) {
        // The sender is `self`, so the channel cannot close while this waits.
        let _ = self.pace.subscribe().wait_for(|pace| !pace.paused).await;
    }

    /// Changes the pace under the lock, so that it and the reading never disagree.
    fn change(&self, change: impl FnOnce(&mut Count, &mut Pace)) {
        let mut count = self.count();
        let mut pace = *self.pace.borrow();
        change(&mut count, &mut pace);
        let reading = Reading::unpack(self.reading.load(Ordering::Acquire));
        let open = self.open();
        let reading = match reading {
            Reading::Runs { .. } if pace.stands() => {
                Reading::Stands { worked: reading.worked(open) }
            }
            Reading::Stands { worked } if !pace.stands() => {
                Reading::Runs { stood: open.saturating_sub(worked) }
            }
            unchanged => unchanged,
        };
        self.reading.store(reading.pack(), Ordering::Release);
        self.pace.send_replace(pace);
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the run has worked for so long.
    pub(crate) fn sleep_until(&self, worked: Duration) -> impl Future<Output = ()> + Send + '_ {
        let mut pace = self.pace.subscribe();
        async move {
            loop {
                pace.mark_unchanged();
                let left = worked.saturating_sub(self.worked());
                if left.is_zero() {
                    return;
                }
                let changed = std::pin::pin!(pace.changed());
                if self.pace.borrow().stands() {
                    let _ = changed.await;
                } else {
                    let sleep = std::pin::pin!(tokio::time::sleep(left));
                    futures::future::select(sleep, changed).await;
                }
            }
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.change(|count, pace| {
            count.executions -= 1;
            pace.idle = count.executions == 0;
        });
    }
}

impl Shielded {
    pub(crate) fn of(run: Arc<RunState>, place: Key) -> Self {
        run.shields.raise(place.clone());
        run.clock.change(|count, pace| {
            count.shielded += 1;
            pace.shielded = true;
        });
        Self { run, place }
    }
}

impl Drop for Shielded {
    fn drop(&mut self) {
        let Self { run, place } = self;
        run.clock.change(|count, pace| {
            count.shielded -= 1;
            pace.shielded = count.shielded > 0;
        });
        run.shields.lower(place);
    }
}
