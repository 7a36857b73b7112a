//! Panics stop at the agent that panicked.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::error::AgentError;
use crate::identity::Key;

/// Runs a future whose panic becomes an error. What it leaves half done is dropped with it: nothing
/// here holds a lock while it polls.
///
/// Not an `async fn`, which would keep room for the future twice, and copy it once more.
pub(crate) fn contain<T>(
    key: impl FnOnce() -> Key,
    future: impl Future<Output = Result<T, AgentError>>,
) -> impl Future<Output = Result<T, AgentError>> {
    AssertUnwindSafe(future).catch_unwind().map(|result| match result {
        Ok(result) => result,
        Err(panic) => Err(panicked(key(), &*panic)),
    })
}

pub(crate) fn panicked(key: Key, panic: &(dyn Any + Send)) -> AgentError {
    AgentError::Panicked { key, message: message(panic).into() }
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
