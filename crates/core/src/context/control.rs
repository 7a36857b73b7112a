use super::RunContext;
use super::env::Env;
use crate::error::AgentError;
use crate::event::{EventKind, Progress};

impl RunContext {
    /// A place where the agent can be held while the run is paused. It costs one load when it is
    /// not.
    ///
    /// # Errors
    /// [`Cancelled`](AgentError::Cancelled) when this part of the run is asked to stop while it is
    /// held.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn pause_point(&self) -> Result<(), AgentError> {
        self.pause_point_in(self.env()).await
    }

    /// As [`pause_point`](Self::pause_point), for what is cancelled with that environment.
    pub(crate) async fn pause_point_in(&self, env: &Env) -> Result<(), AgentError> {
        if !env.run.clock.is_paused() {
            return Ok(());
        }
        let resumed = std::pin::pin!(env.run.clock.resumed());
        let cancelled = std::pin::pin!(env.token.cancelled());
        match futures::future::select(resumed, cancelled).await {
            futures::future::Either::Left(_) => Ok(()),
            futures::future::Either::Right(_) => Err(AgentError::Cancelled { key: self.path() }),
        }
    }

    /// Tells whoever listens how far the agent is. Nothing is made when nobody does.
    pub fn progress(&self, progress: impl FnOnce() -> Progress) {
        self.emit(|| EventKind::Progress(progress()));
    }

    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        self.env().run.emit(|| self.path(), kind);
    }
}

#[cfg(feature = "broken")]
impl RunContext {
    /// Whether this run was told to break a rule.
    #[doc(hidden)]
    pub fn breaks(&self, rule: crate::broken::Rule) -> bool {
        self.env().run.breaks(rule)
    }
}
