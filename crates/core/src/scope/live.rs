use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Every task of a scope holds its scope's token, which holds the tokens of the scopes around it. So
/// a scope's receiver resolves only when the last task below it is gone, however deep.
#[derive(Debug)]
pub(crate) struct Live {
    fenced: AtomicBool,
    parent: Option<Arc<Live>>,
    _ended: oneshot::Sender<Infallible>,
}

/// Resolves, with an error, when every holder of the token is gone.
pub(crate) type Ended = oneshot::Receiver<Infallible>;

impl Live {
    pub(crate) fn new(parent: Option<Arc<Self>>) -> (Arc<Self>, Ended) {
        let (sender, ended) = oneshot::channel();
        (Arc::new(Self { fenced: AtomicBool::new(false), parent, _ended: sender }), ended)
    }

    /// From here on nothing below this scope may write to the journal.
    pub(crate) fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
    }

    pub(crate) fn is_fenced(&self) -> bool {
        let mut live = Some(self);
        while let Some(here) = live {
            if here.fenced.load(Ordering::Acquire) {
                return true;
            }
            live = here.parent.as_deref();
        }
        false
    }
}

/// When the tasks of a scope that is being stopped are aborted.
///
/// Scopes below one that is being stopped share its instant, less an allowance for each level, so
/// that an inner scope has settled before the outer one aborts it.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    abort_at: OnceLock<Instant>,
    parent: Option<Arc<Stop>>,
}

impl Stop {
    /// How much earlier a scope aborts than the one around it.
    pub(crate) const ALLOWANCE: Duration = Duration::from_millis(10);

    pub(crate) fn below(parent: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { abort_at: OnceLock::new(), parent: Some(parent.clone()) })
    }

    /// Sets the instant, or keeps the one that was set first.
    pub(crate) fn set(&self, abort_at: Instant) -> Instant {
        *self.abort_at.get_or_init(|| abort_at)
    }

    /// The earliest instant that the scopes around this one allow it.
    pub(crate) fn inherited(&self) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        let now = Instant::now();
        let mut levels = 1;
        let mut above = self.parent.as_deref();
        while let Some(stop) = above {
            if let Some(at) = stop.abort_at.get() {
                // Of a short grace each level keeps a part: with none, its tasks would be aborted
                // before they could see that they were asked to stop.
                let left = at.saturating_duration_since(now);
                let at = *at - (Self::ALLOWANCE * levels).min(left * levels / (levels + 1));
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
            levels += 1;
            above = stop.parent.as_deref();
        }
        earliest
    }
}

/// Cuts what is left of a dropped scope off from the journal: nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Fence(pub(super) Option<Arc<Live>>);

impl Drop for Fence {
    fn drop(&mut self) {
        if let Some(live) = &self.0 {
            live.fence();
        }
    }
}
