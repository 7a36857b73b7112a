use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::budget::Lease;
use crate::extensions::Extensions;
use crate::permission::Permissions;
use crate::run::RunState;
use crate::scope::{Live, Stop};

/// What a context shares with the contexts derived from it, until one of them narrows it.
///
/// It is kept away from how often it is shared, which every thread writes where this is read: by room
/// in front of it, since memory that is aligned so widely takes long to get.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Env {
    pub(crate) room: Room,
    pub(crate) run: Arc<RunState>,
    /// Weak, so that a context that leaks cannot keep a scope from ending.
    pub(crate) live: Weak<Live>,
    /// Behind a count of its own: a clone of the token itself takes a lock that all share.
    pub(crate) token: Arc<CancellationToken>,
    pub(crate) stop: Arc<Stop>,
    /// In working time of the run.
    pub(crate) deadline: Option<Duration>,
    pub(crate) deadline_wall: Option<Instant>,
    pub(crate) lease: Lease,
    pub(crate) permissions: Permissions,
    pub(crate) extensions: Extensions,
}

/// Room for the rest of the cache lines that the counts of an [`Arc`] stand in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Room {
    _unused: [u64; 14],
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Env {
    pub(crate) fn is_past_deadline(&self) -> bool {
        // Without a deadline nobody has to look at the clock.
        self.is_past_deadline_at(self.deadline.map_or(Duration::ZERO, |_| self.run.clock.worked()))
    }

    /// Whether a deadline has passed, where the run has worked for so long.
    pub(crate) fn is_past_deadline_at(&self, worked: Duration) -> bool {
        self.deadline.is_some_and(|at| worked >= at)
            || self.deadline_wall.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits until a deadline has passed.
    pub(crate) async fn deadline_passed(&self) {
        let working = async {
            match self.deadline {
                Some(at) => self.run.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let wall = async {
            match self.deadline_wall {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        futures::future::select(std::pin::pin!(working), std::pin::pin!(wall)).await;
    }

    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline.is_some() || self.deadline_wall.is_some()
    }
}
