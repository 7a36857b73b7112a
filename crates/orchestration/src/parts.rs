use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::Stream;

use crate::fan_out::lock;
use crate::report::Reported;

/// What a pattern gives away while it runs. `K` tells the children apart: the index of an input from
/// 0, or the name of a responder.
#[derive(Debug)]
pub enum Part<O, R, K = usize> {
    /// One output that counts.
    Output {
        /// Whose it is.
        key: K,
        /// The output.
        output: O,
    },
    /// The result; nothing comes after it.
    Settled(Box<Reported<R>>),
}

/// A pattern that runs as its parts are asked for: the outputs that count, then the result. Whoever
/// does not ask holds it up, and dropping it stops it.
#[must_use = "a pattern runs as its parts are asked for"]
pub struct Parts<'a, O, R, K = usize> {
    arrived: Arrived<O, K>,
    running: Option<BoxFuture<'a, Reported<R>>>,
    settled: Option<Box<Reported<R>>>,
}

/// Outputs on their way to whoever asks for them.
pub(crate) struct Arrived<O, K>(Arc<Mutex<VecDeque<(K, O)>>>);

impl<O, K> Clone for Arrived<O, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O, K> Arrived<O, K> {
    pub(crate) fn push(&self, key: K, output: O) {
        lock(&self.0).push_back((key, output));
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

impl<'a, O, R, K> Parts<'a, O, R, K> {
    pub(crate) fn new<F>(run: impl FnOnce(Arrived<O, K>) -> F) -> Self
    where
        F: Future<Output = Reported<R>> + Send + 'a,
    {
        let arrived = Arrived(Arc::default());
        Self { running: Some(Box::pin(run(arrived.clone()))), arrived, settled: None }
    }
}

/// Nothing in it is pinned.
impl<O, R, K> Unpin for Parts<'_, O, R, K> {}

impl<O, R, K> Stream for Parts<'_, O, R, K> {
    type Item = Part<O, R, K>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = |arrived: &Arrived<O, K>| {
            let (key, output) = lock(&arrived.0).pop_front()?;
            Some(Part::Output { key, output })
        };
        if let Some(part) = next(&this.arrived) {
            return Poll::Ready(Some(part));
        }
        if let Some(running) = &mut this.running {
            match running.as_mut().poll(cx) {
                Poll::Ready(settled) => {
                    this.running = None;
                    this.settled = Some(Box::new(settled));
                }
                Poll::Pending => {
                    return next(&this.arrived)
                        .map_or(Poll::Pending, |part| Poll::Ready(Some(part)));
                }
            }
        }
        Poll::Ready(next(&this.arrived).or_else(|| this.settled.take().map(Part::Settled)))
    }
}

impl<O, R, K> fmt::Debug for Parts<'_, O, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("arrived", &self.arrived.len())
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}
