use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::Handle;

use super::Done;
use super::live::Reaping;
use super::phase::Phase;
use super::tasks::Tasks;

/// Ends the tasks of a scope that was dropped, as the scope itself would have done. Those of a shielded
/// one end by themselves.
///
/// The task that does so is awaited, and no secret: it holds the tokens of the scopes around it, so
/// that they do not close, nor the run become quiet, before it has ended.
pub(super) fn reap<T: Send + 'static>(mut tasks: Tasks<T>) {
    while let Some(done) = tasks.next_ended() {
        discard(done);
    }
    tasks.live.orphan();
    if !tasks.is_running() {
        // Scopes below that were dropped have reapers of their own.
        tasks.unfence();
        return;
    }
    // Without a runtime nobody could wait: the tasks are aborted and fenced as they are dropped.
    let Ok(runtime) = Handle::try_current() else { return };
    if tasks.shielded.is_none() {
        tasks.stop();
    }
    if matches!(tasks.phase, Phase::Stopping(_)) && tasks.env.stop.is_over_around() {
        // What is around it aborts: there is no grace left.
        tasks.advance(None);
    }
    let reaping = tasks.live.reap();
    runtime.spawn(end(tasks, reaping));
}

/// Goes through the phases that are left. A runtime that shuts down drops this, and so the tasks are
/// aborted and fenced.
async fn end<T: Send + 'static>(tasks: Tasks<T>, reaping: Reaping) {
    // The first to be held is the last to be dropped.
    let (_reaping, mut tasks) = (reaping, tasks);
    while let Some(done) = tasks.next().await {
        discard(done);
    }
    tasks.finish().await;
}

/// Drops what a task has handed over. A panic in that is the host's, who has let go of the value; it
/// must cost neither the process nor the other tasks.
fn discard<T>(done: Done<T>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(done)));
}
