use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::sync::{Arc, Mutex, PoisonError};

/// When the tasks of a scope that is being stopped are aborted.
///
/// Scopes below one that is being stopped share its instant, less an allowance for each level, so
/// that an inner scope has settled before the outer one aborts it.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    abort_at: Mutex<Option<Instant>>,
    was_set: Notify,
    parent: Option<Arc<Stop>>,
}

impl Stop {
    /// How much earlier a scope aborts than the one around it.
    pub(crate) const ALLOWANCE: Duration = Duration::from_millis(10);

    pub(crate) fn below(parent: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { parent: Some(parent.clone()), ..Self::default() })
    }

    /// Sets the instant, or keeps the one that was set first.
    pub(crate) fn set(&self, abort_at: Instant) -> Instant {
        let mut here = self.abort_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = *here {
            return before;
        }
        *here = Some(abort_at);
        drop(here);
        self.was_set.notify_waiters();
        abort_at
    }

    fn get(&self) -> Option<Instant> {
        *self.abort_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest instant that the scopes around this one allow it.
    pub(crate) fn inherited(&self) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        let now = Instant::now();
        for (levels, stop) in (1..).zip(self.around()) {
            if let Some(at) = stop.get() {
                // Of a short grace each level keeps a part: with none, its tasks would be aborted
                // before they could see that they were asked to stop.
                let left = at.saturating_duration_since(now);
                let at = at - (Self::ALLOWANCE * levels).min(left * levels / (levels + 1));
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
        }
        earliest
    }

    /// Whether a scope around this one has aborted its tasks, or should have.
    pub(super) fn is_over_around(&self) -> bool {
        self.inherited().is_some_and(|at| at <= Instant::now())
    }

    /// One for each scope around this one that may yet be stopped. Each is ready when that is so, be
    /// it before its first poll.
    pub(super) fn changes(&self) -> Vec<Pin<Box<Notified<'_>>>> {
        let mut changes = Vec::new();
        for stop in self.around() {
            // From here on nothing is missed, so the look comes after it.
            let change = Box::pin(stop.was_set.notified());
            if stop.get().is_none() {
                changes.push(change);
            }
        }
        changes
    }

    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.parent.as_deref(), |stop| stop.parent.as_deref())
    }
}
