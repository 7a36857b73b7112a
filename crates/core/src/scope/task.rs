use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, lazy};
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;

use super::Live;
use super::phase::{Cause, Phase};
use crate::broken::Rule;
use crate::contain::{contain, panicked};
use crate::context::RunContext;
use crate::error::AgentError;
use crate::event::{EventKind, agent_span, mark_failed};

/// A task of a scope that has ended.
#[derive(Debug)]
pub struct Done<T> {
    /// Which one, counted from 0 in the order of the spawns.
    pub index: usize,
    /// How it ended.
    pub result: Result<T, AgentError>,
    /// What was measured of it.
    pub timing: Timing,
}

/// What was measured of a task. All times are of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// From its spawn to its first poll.
    pub queued: Duration,
    /// From its first poll to its end.
    pub ran: Duration,
    /// From its end to its return by [`Scope::next`](super::Scope::next).
    pub settled: Duration,
}

/// What a task hands over when it ends by itself.
pub(super) struct Task<T> {
    result: Result<T, AgentError>,
    began: Instant,
    ended: Instant,
}

/// The task of an agent.
pub(super) async fn agent<T, F, Fut>(cx: RunContext, work: F, live: Arc<Live>) -> Task<T>
where
    F: FnOnce(RunContext) -> Fut,
    Fut: Future<Output = Result<T, AgentError>>,
{
    worker(async move { cx.invoke(work).await }, live).await
}

/// A task: it holds the scope's token for as long as it exists.
///
/// Not an `async fn`, which would keep room for the work twice, and copy it once more.
pub(super) fn worker<T>(
    work: impl Future<Output = Result<T, AgentError>>,
    live: Arc<Live>,
) -> impl Future<Output = Task<T>> {
    lazy(|_| Instant::now()).then(move |began| {
        work.map(move |result| {
            // When the token is gone, so is the work.
            let _live = live;
            Task { result, began, ended: Instant::now() }
        })
    })
}

impl RunContext {
    /// Does work as the agent of this context: its start and end are told, in a span of `tracing`,
    /// and a panic in it is its failure.
    ///
    /// # Errors
    /// Those of the work.
    ///
    /// # Cancel safety
    /// That of the work.
    pub async fn invoke<T, F, Fut>(&self, work: F) -> Result<T, AgentError>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, AgentError>>,
    {
        let span = agent_span(self);
        span.in_scope(|| self.emit(|| EventKind::Started));
        let work = async { work(self.clone()).await }.instrument(span.clone());
        let result = if self.env().run.breaks(Rule::PanicsAreContained) {
            work.await
        } else {
            contain(|| self.path(), work).await
        };
        mark_failed(&span, &result);
        span.in_scope(|| {
            self.emit(|| EventKind::Finished {
                error: result.as_ref().err().map(AgentError::recorded),
            });
        });
        result
    }
}

/// A task that has not ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) index: usize,
    pub(super) cx: RunContext,
    pub(super) spawned: Instant,
}

impl Running {
    pub(super) fn done<T>(self, task: Task<T>) -> Done<T> {
        let timing = Timing {
            queued: task.began.saturating_duration_since(self.spawned),
            ran: task.ended.saturating_duration_since(task.began),
            settled: task.ended.elapsed(),
        };
        Done { index: self.index, result: task.result, timing }
    }

    /// The end of a task that handed nothing over.
    pub(super) fn lost<T>(self, phase: Phase, error: JoinError) -> Done<T> {
        if error.is_panic() {
            let error = panicked(self.cx.path(), &*error.into_panic());
            return Done { index: self.index, result: Err(error), timing: Timing::default() };
        }
        self.aborted(phase)
    }

    pub(super) fn aborted<T>(self, phase: Phase) -> Done<T> {
        let key = self.cx.path();
        let error = match phase {
            Phase::Stopping(Cause::Deadline) | Phase::Aborted(Cause::Deadline) => {
                AgentError::DeadlineExceeded { key }
            }
            _ => AgentError::Cancelled { key },
        };
        Done { index: self.index, result: Err(error), timing: Timing::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, Weak};

    use super::*;

    /// Says whether the token was held when it was dropped.
    struct Witness(Weak<Live>, Arc<Mutex<Option<bool>>>);

    impl Drop for Witness {
        fn drop(&mut self) {
            *self.1.lock().expect("nothing panics while it is held") =
                Some(self.0.upgrade().is_some());
        }
    }

    #[test]
    fn a_task_keeps_room_for_its_work_once() {
        let work = async {
            let large = [0_u8; 1000];
            std::future::pending::<()>().await;
            std::hint::black_box(&large);
            Ok(())
        };
        let alone = size_of_val(&work);
        assert!(size_of_val(&worker(work, Live::new(None).0)) < alone + 100);
    }

    #[test]
    fn the_token_of_a_task_outlives_its_work_whether_it_was_polled_or_not() {
        for polled in [false, true] {
            let ((live, _ended), held) = (Live::new(None), Arc::default());
            let witness = Witness(Arc::downgrade(&live), Arc::clone(&held));
            let work = async move {
                let _witness = witness;
                std::future::pending::<Result<(), AgentError>>().await
            };
            let mut task = worker(work, live).boxed();
            if polled {
                assert!(task.as_mut().now_or_never().is_none());
            }
            drop(task);
            assert_eq!(*held.lock().expect("nothing panics while it is held"), Some(true));
        }
    }
}
