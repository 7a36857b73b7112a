use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Counts the time that a run has been working, over all its processes: while it is paused, between
/// two executions and while it is not running at all, the clock stands still.
#[derive(Debug)]
pub(crate) struct WorkClock {
    state: Mutex<State>,
    pace: watch::Sender<Pace>,
}

#[derive(Debug)]
struct State {
    worked: Duration,
    since: Option<Instant>,
    executions: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pace {
    paused: bool,
    /// Nothing is executed, and something was.
    idle: bool,
}

impl Pace {
    fn stands(self) -> bool {
        self.paused || self.idle
    }
}

/// Lets the clock run for as long as it is held.
#[derive(Debug)]
pub(crate) struct Working<'a>(&'a WorkClock);

impl WorkClock {
    /// It runs from here on, for hosts that drive agents without an execution.
    pub(crate) fn start(worked: Duration) -> Self {
        let state = Mutex::new(State { worked, since: Some(Instant::now()), executions: 0 });
        Self { state, pace: watch::Sender::new(Pace::default()) }
    }

    pub(crate) fn worked(&self) -> Duration {
        let state = self.state();
        state.worked + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn pause(&self) {
        self.change(|_, pace| pace.paused = true);
    }

    pub(crate) fn resume(&self) {
        self.change(|_, pace| pace.paused = false);
    }

    pub(crate) fn work(&self) -> Working<'_> {
        self.change(|state, pace| {
            state.executions += 1;
            pace.idle = false;
        });
        Working(self)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.pace.borrow().paused
    }

    /// Waits until the run is not paused.
    pub(crate) async fn resumed(&self) {
        // The sender is `self`, so the channel cannot close while this waits.
        let _ = self.pace.subscribe().wait_for(|pace| !pace.paused).await;
    }

    /// Changes the pace under the lock, so that the two never disagree.
    fn change(&self, change: impl FnOnce(&mut State, &mut Pace)) {
        let mut state = self.state();
        let mut pace = *self.pace.borrow();
        change(&mut state, &mut pace);
        if pace.stands() {
            if let Some(since) = state.since.take() {
                state.worked += since.elapsed();
            }
        } else {
            state.since.get_or_insert_with(Instant::now);
        }
        self.pace.send_replace(pace);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.0.change(|state, pace| {
            state.executions -= 1;
            pace.idle = state.executions == 0;
        });
    }
}
