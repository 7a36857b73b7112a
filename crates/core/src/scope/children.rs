use std::sync::Arc;

use crate::context::env::Env;
use crate::context::node::Segment;
use crate::context::{ChildKey, RunContext};
use crate::error::AgentError;

/// Makes the contexts of a scope, from inside its tasks; see [`Scope::children`](super::Scope::children).
#[derive(Debug, Clone)]
pub struct Children {
    cx: RunContext,
    env: Arc<Env>,
}

impl Children {
    pub(super) fn new(cx: RunContext, env: Arc<Env>) -> Self {
        Self { cx, env }
    }

    /// The place that the scope is open on, for a task that opens children there in turn.
    pub fn context(&self) -> RunContext {
        self.cx.derive(self.env.clone(), Segment::Narrowed)
    }

    /// Where a task of the scope can be held while the run is paused; see
    /// [`RunContext::pause_point`].
    ///
    /// # Errors
    /// `Cancelled` when the scope is stopped while the task is held.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn pause_point(&self) -> Result<(), AgentError> {
        self.cx.pause_point_in(&self.env).await
    }

    /// Whether the scope is being stopped.
    pub fn is_cancelled(&self) -> bool {
        self.env.token.is_cancelled()
    }

    /// Waits until the scope is being stopped.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.env.token.cancelled().await;
    }

    /// A context for a child that is called in turn with others; see [`RunContext::child`].
    pub fn child(&self, name: &str) -> RunContext {
        self.cx.child_in(self.env.clone(), name)
    }

    /// A context for one of many children; see [`RunContext::child_at`].
    pub fn child_at(&self, key: impl Into<ChildKey>) -> RunContext {
        self.cx.child_at_in(self.env.clone(), key.into())
    }
}
