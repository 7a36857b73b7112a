use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::oneshot;
use futures::future::{Ready, ready};

use crate::error::BundleError;
use crate::writer::Ending;

/// Waits until an accepted action is durable, and gives its number in the log.
///
/// Dropping it takes nothing back: see [`ContextBundle::append`](crate::ContextBundle::append).
#[derive(Debug)]
#[must_use = "the action is accepted, but only the future tells whether it became durable"]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Accepted { answer: oneshot::Receiver<Result<u64, BundleError>>, ending: Arc<Ending> },
    Refused(Ready<Result<u64, BundleError>>),
}

impl Append {
    pub(super) fn accepted(
        answer: oneshot::Receiver<Result<u64, BundleError>>,
        ending: Arc<Ending>,
    ) -> Self {
        Self(State::Accepted { answer, ending })
    }

    pub(super) fn refused(error: BundleError) -> Self {
        Self(State::Refused(ready(Err(error))))
    }
}

impl Future for Append {
    type Output = Result<u64, BundleError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Accepted { answer, ending } => Pin::new(answer)
                .poll(cx)
                .map(|answer| answer.unwrap_or_else(|_| Err(ending.error()))),
            State::Refused(answer) => Pin::new(answer).poll(cx),
        }
    }
}
