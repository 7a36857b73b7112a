use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use super::RunContext;
use crate::broken::Rule;
use crate::context::node::Segment;
use crate::error::AgentError;
use crate::identity::Key;
use crate::journal::{Fact, History};
use crate::scope::Live;

impl RunContext {
    /// Whether something may be opened in this context at all.
    pub(crate) fn check_open(&self) -> Result<(), AgentError> {
        self.check_unfenced()?;
        if self.node.is_left() {
            let what = "what follows a policy";
            return Err(AgentError::PlaceInUse { key: self.path(), what });
        }
        self.latched().map_or(Ok(()), Err)
    }

    /// Whether anything of this context may still be written down.
    pub(crate) fn check_unfenced(&self) -> Result<(), AgentError> {
        self.unfenced().map(drop)
    }

    /// The token of the scope around this context, where anything may still be written down. It is
    /// not kept for long: the scope does not end meanwhile.
    pub(crate) fn unfenced(&self) -> Result<Arc<Live>, AgentError> {
        let env = self.env();
        if let Some(stopped) = env.run.stopped() {
            return Err(AgentError::Journal { key: self.path(), source: stopped });
        }
        let live = env.live.upgrade().filter(|live| !live.is_fenced());
        live.ok_or_else(|| AgentError::Cancelled { key: self.path() })
    }

    /// Accepts a fact of this context at once; the future waits until it is durable.
    ///
    /// What a dropped scope has left is not waited for by the branch around it. Where that, or the step
    /// itself, has ended for good meanwhile, nothing more is written into it. Nor is a failure of
    /// what has outlived its branch otherwise: of what has failed there, nothing is known any more.
    pub(crate) fn record<'a>(
        &'a self,
        key: &Key,
        fact: Fact,
    ) -> Result<impl Future<Output = Result<(), AgentError>> + Send + use<'a>, AgentError> {
        let (live, place) = (self.env().live.upgrade(), key.clone());
        let has_failed = matches!(fact, Fact::Failed { .. });
        self.env().run.record_where(key, move |history| {
            if live.is_some_and(|live| is_over(&live, &place, history))
                || (has_failed && history.is_inside_ended(&place))
            {
                return Err(AgentError::Cancelled { key: place });
            }
            Ok(fact)
        })
    }

    /// Whether something new may begin here. A step asks it before its effect, and a replay does not;
    /// an agent that works for long outside of steps asks it itself.
    ///
    /// # Errors
    /// `DeadlineExceeded` or `Cancelled`.
    pub fn check(&self) -> Result<(), AgentError> {
        self.check_given(self.env().is_past_deadline())
    }

    /// Waits for something, unless this part of the run is stopped before.
    pub(crate) async fn unless_stopped<T>(
        &self,
        wait: impl Future<Output = T>,
    ) -> Result<T, AgentError> {
        let cancelled = std::pin::pin!(self.env().token.cancelled());
        let deadline = std::pin::pin!(self.env().deadline_passed());
        let stopped = std::pin::pin!(select(cancelled, deadline));
        match select(std::pin::pin!(wait), stopped).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((Either::Right(_), _)) => {
                Err(AgentError::DeadlineExceeded { key: self.path() })
            }
            Either::Right((Either::Left(_), _)) => {
                // A scope whose deadline has passed cancels what is below it.
                self.check()?;
                Err(AgentError::Cancelled { key: self.path() })
            }
        }
    }

    /// As [`check`](Self::check), where the run has worked for so long.
    pub(crate) fn check_at(&self, worked: Duration) -> Result<(), AgentError> {
        self.check_given(self.env().is_past_deadline_at(worked))
    }

    fn check_given(&self, is_late: bool) -> Result<(), AgentError> {
        // A scope whose deadline has passed cancels what is below it, so this is asked first.
        if is_late {
            return Err(AgentError::DeadlineExceeded { key: self.path() });
        }
        if self.env().token.is_cancelled() {
            return Err(AgentError::Cancelled { key: self.path() });
        }
        Ok(())
    }

    /// The error that this context, or one above it, answers from now on.
    pub(crate) fn latched(&self) -> Option<AgentError> {
        if self.env().run.breaks(Rule::LatchesHold) {
            return None;
        }
        let mut here = Some(self);
        while let Some(cx) = here {
            if cx.node.segment == Segment::Shielded {
                return None;
            }
            if let Some(error) = cx.node.latch.get() {
                return Some(error.clone());
            }
            here = cx.node.parent.as_ref();
        }
        None
    }

    /// Makes every later step here answer the same, if the error is of a class that latches.
    pub(crate) fn latch<T>(&self, result: Result<T, AgentError>) -> Result<T, AgentError> {
        if let Err(error) = &result
            && error.class().latches()
        {
            let _ = self.node.anchor().latch.set(error.clone());
        }
        result
    }
}

/// Whether nothing more is written to this key by what `live` is the scope of.
pub(crate) fn is_over(live: &Live, key: &Key, history: &History) -> bool {
    live.is_orphaned() && (history.has_ended(key) || history.is_inside_ended(key))
}
