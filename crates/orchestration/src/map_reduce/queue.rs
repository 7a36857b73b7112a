use std::collections::HashMap;
use std::future::Future;
use std::iter::Enumerate;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::IntoIter;

use futures::future::select;
use maniple_core::{AgentError, ChildKey, Children, RunContext, Timing};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Naming;
use crate::error::PatternError;

/// Inputs that are pulled by several workers, and what became of them.
///
/// No input is pulled that is further ahead of what was combined than the window, so that a slow
/// child bounds what its siblings pile up.
pub(super) struct Queue<I, O> {
    inputs: Mutex<Inputs<I>>,
    ended: Mutex<Vec<Ended<O>>>,
    /// How many outputs were combined.
    combined: AtomicUsize,
    window: usize,
    stopped: AtomicBool,
    /// Wakes the driver.
    news: Notify,
    /// Wakes workers that wait for the window.
    room: Notify,
    began: Instant,
}

struct Inputs<I> {
    left: Enumerate<IntoIter<I>>,
    /// The next one, where the window did not let it through.
    held: Option<(usize, I)>,
    naming: Naming<I>,
    seen: HashMap<String, usize>,
    pulled: usize,
}

/// What became of an input.
pub(super) struct Ended<O> {
    pub(super) index: usize,
    /// `None` where its worker was aborted.
    pub(super) result: Option<Result<O, AgentError>>,
    pub(super) began: Instant,
    pub(super) at: Instant,
}

impl<I, O> Queue<I, O> {
    pub(super) fn new(inputs: Vec<I>, naming: Naming<I>, window: usize) -> Self {
        let left = inputs.into_iter().enumerate();
        Self {
            inputs: Mutex::new(Inputs {
                left,
                held: None,
                naming,
                seen: HashMap::new(),
                pulled: 0,
            }),
            ended: Mutex::new(Vec::new()),
            combined: AtomicUsize::new(0),
            window,
            stopped: AtomicBool::new(false),
            news: Notify::new(),
            room: Notify::new(),
            began: Instant::now(),
        }
    }

    /// Lets nothing more be pulled.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Says how far combining is.
    pub(super) fn advance(&self, combined: usize) {
        if self.combined.swap(combined, Ordering::AcqRel) != combined {
            self.room.notify_waiters();
        }
    }

    /// Takes what has ended since the last time.
    pub(super) fn take(&self) -> Vec<Ended<O>> {
        std::mem::take(&mut *lock(&self.ended))
    }

    /// Waits until there is something to take.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Works through the queue until it is empty or stopped.
    pub(super) async fn work<F, Fut>(
        self: Arc<Self>,
        children: Children,
        work: F,
    ) -> Result<(), AgentError>
    where
        F: Fn(I, RunContext) -> Fut,
        Fut: Future<Output = Result<O, AgentError>>,
    {
        while let Some((index, key, input)) = self.pull(&children).await {
            let mut pulled = Pulled { queue: &self, index, began: Instant::now(), result: None };
            pulled.result = Some(match key {
                Ok(key) => children.child_at(key).invoke(|cx| work(input, cx)).await,
                Err(duplicate) => Err(duplicate.into()),
            });
            drop(pulled);
            // An input that never waits must not keep a thread to itself.
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    /// The next input, once the window lets it through.
    async fn pull(
        &self,
        children: &Children,
    ) -> Option<(usize, Result<ChildKey, PatternError>, I)> {
        loop {
            let mut room = pin!(self.room.notified());
            // From here on no room is missed, so looking comes after it.
            room.as_mut().enable();
            if self.stopped.load(Ordering::Acquire) || children.is_cancelled() {
                return None;
            }
            {
                let mut inputs = lock(&self.inputs);
                let (index, input) = match inputs.held.take() {
                    Some(held) => held,
                    None => inputs.left.next()?,
                };
                if index < self.combined.load(Ordering::Acquire) + self.window {
                    inputs.pulled += 1;
                    let key = inputs.name(index, &input);
                    return Some((index, key, input));
                }
                inputs.held = Some((index, input));
            }
            select(room, pin!(children.cancelled())).await;
        }
    }

    /// How many inputs were pulled.
    pub(super) fn pulled(&self) -> usize {
        lock(&self.inputs).pulled
    }

    /// What was measured of an input.
    pub(super) fn timing(&self, ended: &Ended<O>) -> Timing {
        Timing {
            queued: ended.began.saturating_duration_since(self.began),
            ran: ended.at.saturating_duration_since(ended.began),
            settled: ended.at.elapsed(),
        }
    }
}

impl<I> Inputs<I> {
    fn name(&mut self, index: usize, input: &I) -> Result<ChildKey, PatternError> {
        match &self.naming {
            Naming::Index => Ok((index as u64).into()),
            Naming::Key(key) => {
                let key = key(input);
                if let Some(first) = self.seen.insert(key.clone(), index) {
                    return Err(PatternError::DuplicateKey { key, first, second: index });
                }
                Ok(key.into())
            }
        }
    }
}

/// An input that a worker has pulled: whatever becomes of the worker, the driver is told.
struct Pulled<'a, I, O> {
    queue: &'a Queue<I, O>,
    index: usize,
    began: Instant,
    result: Option<Result<O, AgentError>>,
}

impl<I, O> Drop for Pulled<'_, I, O> {
    fn drop(&mut self) {
        let (index, result, began) = (self.index, self.result.take(), self.began);
        let mut ended = lock(&self.queue.ended);
        ended.push(Ended { index, result, began, at: Instant::now() });
        let first = ended.len() == 1;
        drop(ended);
        if first {
            self.queue.news.notify_one();
        }
    }
}

/// A lock that a panic under it does not poison: what it guards is whole between two calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
