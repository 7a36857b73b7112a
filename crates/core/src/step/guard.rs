//! Finds a step inside the body of a step.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use crate::run::RunState;

thread_local! {
    /// The run whose step body this thread is polling; 0 is none.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is polling the body of a step of this run. A task that the body spawned
/// escapes it.
pub(crate) fn is_inside(run: &Arc<RunState>) -> bool {
    POLLING.get() == address(run)
}

/// Marks every poll of the body.
pub(super) async fn guarded<T>(run: &Arc<RunState>, body: impl Future<Output = T>) -> T {
    let mut body = pin!(body);
    let address = address(run);
    std::future::poll_fn(move |cx| {
        let _mark = Mark(POLLING.replace(address));
        body.as_mut().poll(cx)
    })
    .await
}

fn address(run: &Arc<RunState>) -> usize {
    Arc::as_ptr(run).addr()
}

struct Mark(usize);

impl Drop for Mark {
    fn drop(&mut self) {
        POLLING.set(self.0);
    }
}
