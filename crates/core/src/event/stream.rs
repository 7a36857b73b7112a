use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio::task::coop::poll_proceed;

use super::AgentEvent;
use crate::contain;

/// How many events are kept for a listener who does not say.
const BUFFER: usize = 1024;

/// The events of a run, from the moment of subscribing; made by [`Run::events`](crate::Run::events),
/// and from the first event on by [`RunBuilder::events`](crate::RunBuilder::events).
///
/// However slow a listener is, it never slows an agent. What gives instead is its own choice:
///
/// - By default the newest 1024 events are kept for it, with [`with_buffer`](Self::with_buffer) as
///   many as it says. It loses older ones, and is told how many in their place: [`Lost`].
/// - With [`keep_all`](Self::keep_all) it loses nothing, and what it has not yet taken stays in
///   memory.
///
/// Each stream has a buffer of its own, and memory only for what waits in it. Events come in the
/// order of their [`sequence`](AgentEvent::sequence), and none of its numbers is left out but those
/// that were lost. The stream ends when the run is gone: when the [`Run`](crate::Run) and every
/// context of it were dropped.
///
/// ```
/// use maniple_core::{AgentError, EventKind, Run, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let run = Run::builder("example").open().await?;
/// let mut events = run.events().with_buffer(100);
/// run.execute(agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) }), 21).await?;
/// drop(run);
/// while let Some(event) = events.next().await {
///     match event {
///         Ok(event) => println!("{} {:?}", event.path, event.kind),
///         Err(lost) => println!("{lost}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Events {
    queue: Arc<Queue>,
    _heard: Arc<()>,
}

/// So many events were lost here, because the listener was slower than the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(from = "Gap", into = "Gap")]
#[error("{0} events were lost")]
pub struct Lost(pub u64);

/// As it stands among events.
#[derive(Serialize, Deserialize)]
struct Gap {
    lost: u64,
}

impl From<Gap> for Lost {
    fn from(gap: Gap) -> Self {
        Self(gap.lost)
    }
}

impl From<Lost> for Gap {
    fn from(lost: Lost) -> Self {
        Self { lost: lost.0 }
    }
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, heard: Arc<()>) -> Self {
        Self { queue, _heard: heard }
    }

    /// Keeps the newest so many events, at least one; 1024 by default. What waits beyond that is lost
    /// at once.
    pub fn with_buffer(self, events: usize) -> Self {
        let mut waiting = self.queue.lock();
        waiting.limit = events.max(1);
        waiting.shed();
        drop(waiting);
        self
    }

    /// Keeps every event until it is taken. The memory for that, some 200 bytes and the texts of each
    /// event, has no bound: it is for a listener who keeps up, or a run that ends.
    pub fn keep_all(self) -> Self {
        self.with_buffer(usize::MAX)
    }

    /// The next event, or `None` when the run is gone.
    ///
    /// # Errors
    /// [`Lost`] where the listener fell behind; the next call goes on after the gap.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped call takes no event.
    pub async fn next(&mut self) -> Option<Result<AgentEvent, Lost>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// As the stream, for who is no task of a runtime and cannot give way to others.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Result<AgentEvent, Lost>>> {
        let mut waiting = self.queue.lock();
        if waiting.lost > 0 {
            return Poll::Ready(Some(Err(Lost(std::mem::take(&mut waiting.lost)))));
        }
        match waiting.events.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if waiting.is_closed => Poll::Ready(None),
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<AgentEvent, Lost>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let coop = ready!(poll_proceed(cx));
        let polled = self.poll_take(cx);
        if polled.is_ready() {
            coop.made_progress();
        }
        polled
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let left = {
            let mut waiting = self.queue.lock();
            waiting.is_closed = true;
            std::mem::take(&mut waiting.events)
        };
        // Here, so that no agent has to free what nobody has taken.
        drop(left);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.queue.lock();
        f.debug_struct("Events")
            .field("waiting", &waiting.events.len())
            .field("lost", &waiting.lost)
            .field("buffer", &waiting.limit)
            .finish_non_exhaustive()
    }
}

/// Wakes who waits. The waker is a listener's own, and a run does not suffer where it panics.
pub(super) fn wake(waker: Waker) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        tracing::error!(
            target: "maniple",
            panic = contain::message(&*panic),
            "the waker of a listener panicked"
        );
    }
}

/// What waits for one listener.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

struct Waiting {
    events: VecDeque<AgentEvent>,
    /// Those before the first that waits.
    lost: u64,
    limit: usize,
    waker: Option<Waker>,
    /// Whether one of both sides is gone.
    is_closed: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { events: VecDeque::new(), lost: 0, limit: BUFFER, waker: None, is_closed: false }
    }
}

impl Waiting {
    fn shed(&mut self) {
        let over = self.events.len().saturating_sub(self.limit);
        self.events.drain(..over);
        self.lost += over as u64;
    }
}

impl Queue {
    /// Says whether anybody will take it. Who waits for it is to be woken.
    pub(super) fn push(&self, event: AgentEvent, wakers: &mut Vec<Waker>) -> bool {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return false;
        }
        waiting.events.push_back(event);
        waiting.shed();
        wakers.extend(waiting.waker.take());
        true
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn close(&self) {
        let waker = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
