use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Counts the time that a run has been working, over all its processes: while it is paused,
/// suspended or not running at all, the clock stands still.
#[derive(Debug)]
pub(crate) struct WorkClock {
    state: Mutex<State>,
    paused: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    worked: Duration,
    since: Option<Instant>,
}

impl WorkClock {
    pub(crate) fn start(worked: Duration) -> Self {
        let state = Mutex::new(State { worked, since: Some(Instant::now()) });
        Self { state, paused: watch::Sender::new(false) }
    }

    pub(crate) fn worked(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.worked + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn pause(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        state.worked += now;
        drop(state);
        self.paused.send_replace(true);
    }

    pub(crate) fn resume(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        self.paused.send_replace(false);
    }

    pub(crate) fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// Waits until the run is not paused.
    pub(crate) async fn resumed(&self) {
        // The sender is `self`, so the channel cannot close while this waits.
        let _ = self.paused.subscribe().wait_for(|paused| !paused).await;
    }

    /// Waits until the run has worked for so long.
    pub(crate) fn sleep_until(&self, worked: Duration) -> impl Future<Output = ()> + Send + '_ {
        let mut paused = self.paused.subscribe();
        async move {
            loop {
                paused.mark_unchanged();
                let left = worked.saturating_sub(self.worked());
                if left.is_zero() {
                    return;
                }
                let changed = std::pin::pin!(paused.changed());
                if self.is_paused() {
                    let _ = changed.await;
                } else {
                    let sleep = std::pin::pin!(tokio::time::sleep(left));
                    futures::future::select(sleep, changed).await;
                }
            }
        }
    }
}
