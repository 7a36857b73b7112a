use std::thread::Builder;

use futures::channel::oneshot;

use crate::error::{Attempt, BundleError};

/// Does what blocks on a thread of its own, so that no runtime is needed and none is held up.
///
/// The job goes on to its end if the future is dropped.
pub(crate) async fn offload<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    let (done, answer) = oneshot::channel();
    let name = "maniple-sessions";
    let started = Builder::new().name(name.into()).spawn(move || {
        // Whoever dropped the future does not need the answer.
        let _ = done.send(job());
    });
    started.attempt("start the thread", name.as_ref())?;
    answer.await.unwrap_or(Err(BundleError::WriterDied))
}
