//! Everything that crosses the boundary of an agent.

mod control;
mod derive;
pub(crate) mod env;
pub(crate) mod latch;
pub(crate) mod node;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::{Budget, Lease};
use crate::identity::{Key, RunId};
use crate::permission::Permissions;
pub use derive::ChildKey;
use env::Env;
use node::Node;

/// What an agent is given besides its input, and all that it is given.
///
/// It is cheap to clone and cannot be changed by the callee; a child's context is derived from it
/// ([`child`](Self::child), [`child_at`](Self::child_at)) and can only be narrower: an earlier
/// deadline, a part of the budget, a part of the permissions. Cancelling a scope cancels every
/// context below it.
///
/// It also is where an agent's work is made durable: [`step`](Self::step),
/// [`branch`](Self::branch), [`signal`](Self::signal), [`decide`](Self::decide),
/// [`version`](Self::version) and [`attempts`](Self::attempts).
#[derive(Clone)]
pub struct RunContext {
    pub(crate) node: Arc<Node>,
}

impl RunContext {
    /// The run that this is a part of.
    pub fn run_id(&self) -> &RunId {
        &self.env().run.id
    }

    /// The place of this context in the run, the same in every attempt and process.
    pub fn path(&self) -> Key {
        self.node.path().clone()
    }

    /// Whether the run has a journal, by which a later process goes on with it.
    pub fn has_journal(&self) -> bool {
        self.env().run.journal.is_some()
    }

    /// How deep below the root of the run this context is; the root has depth 0.
    pub fn depth(&self) -> usize {
        let mut depth = 0;
        let mut here = Some(self);
        while let Some(cx) = here {
            depth += usize::from(cx.node.segment.is_child());
            here = cx.node.parent.as_ref();
        }
        depth
    }

    /// Whether the run, or this part of it, was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.env().token.is_cancelled()
    }

    /// Waits until the run, or this part of it, is asked to stop.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.env().token.cancelled().await;
    }

    /// How much working time is left; `None` is without a limit.
    pub fn time_left(&self) -> Option<Duration> {
        let env = self.env();
        let working = env.deadline.map(|at| at.saturating_sub(env.run.clock.worked()));
        let wall = env.deadline_wall.map(|at| at.saturating_duration_since(Instant::now()));
        match (working, wall) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The share of the budget that this context may use.
    pub fn lease(&self) -> &Lease {
        &self.env().lease
    }

    /// What is left of that share.
    pub fn remaining(&self) -> Budget {
        self.env().lease.remaining()
    }

    /// What this context may do.
    pub fn permissions(&self) -> &Permissions {
        &self.env().permissions
    }

    /// The host's own value of this type, if one was given.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.env().extensions.get()
    }

    pub(crate) fn env(&self) -> &Arc<Env> {
        &self.node.env
    }
}

impl fmt::Debug for RunContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContext")
            .field("run", self.run_id())
            .field("path", self.node.path())
            .field("cancelled", &self.is_cancelled())
            .field("time_left", &self.time_left())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
