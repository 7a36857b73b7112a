//! A service that holds its callers to tower's contract.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::BoxFuture;
use tower::Service;

use crate::common::Alive;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum MockError {
    #[error("closed")]
    Closed,
    #[error("the answer was lost")]
    Lost,
}

/// Doubles a number. Each clone becomes ready by itself, once for each call, as many times as it is
/// let.
#[derive(Debug, Default)]
pub(crate) struct Mock {
    shared: Arc<Mutex<Shared>>,
    is_ready: bool,
    /// Calls in flight.
    pub(crate) alive: Alive,
}

#[derive(Debug, Default)]
struct Shared {
    let_in: usize,
    is_closed: bool,
    waiting: Vec<Waker>,
    calls: Vec<u64>,
}

/// Numbers from here on are answered in a special way.
pub(crate) const NEVER: u64 = 1000;
pub(crate) const FAILS: u64 = 2000;

impl Mock {
    pub(crate) fn new(let_in: usize) -> Self {
        let mock = Self::default();
        mock.let_in(let_in);
        mock
    }

    /// Makes it ready for so many calls more.
    pub(crate) fn let_in(&self, calls: usize) {
        let mut shared = self.shared();
        shared.let_in += calls;
        shared.waiting.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn close(&self) {
        let mut shared = self.shared();
        shared.is_closed = true;
        shared.waiting.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.shared().waiting.len()
    }

    pub(crate) fn calls(&self) -> Vec<u64> {
        self.shared().calls.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

impl Clone for Mock {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), is_ready: false, alive: self.alive.clone() }
    }
}

impl Service<u64> for Mock {
    type Response = u64;
    type Error = MockError;
    type Future = BoxFuture<'static, Result<u64, MockError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), MockError>> {
        let mut shared = self.shared.lock().unwrap();
        if shared.is_closed {
            return Poll::Ready(Err(MockError::Closed));
        }
        if !self.is_ready && shared.let_in == 0 {
            shared.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        if !self.is_ready {
            shared.let_in -= 1;
            self.is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being ready");
        self.shared().calls.push(n);
        let guard = self.alive.guard();
        async move {
            let _guard = guard;
            match n {
                NEVER..FAILS => std::future::pending().await,
                FAILS.. => Err(MockError::Lost),
                _ => Ok(2 * n),
            }
        }
        .boxed()
    }
}
