use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, Either, Future, FutureExt, select};
use tokio::time::{Instant, sleep, sleep_until};

use super::tasks::{GIVE_UP, Tasks, report};
use crate::broken::Rule;
use crate::context::env::Env;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Stopping(Cause),
    Aborted(Cause),
}

/// Why a scope stops its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Cancelled,
    Deadline,
}

impl<T: Send + 'static> Tasks<T> {
    /// Goes on to the next phase: from open to stopping to aborted to given up.
    pub(super) fn advance(&mut self, cause: Option<Cause>) {
        match self.phase {
            Phase::Open => {
                let cause = cause.unwrap_or(Cause::Cancelled);
                self.phase = Phase::Stopping(cause);
                let at = fix_abort(&self.env, self.grace);
                let (env, path, grace) = (self.env.clone(), self.cx.path(), self.grace);
                self.watch = then_advance(async move {
                    abort_due(env.clone(), at).await;
                    if env.run.shields.lowered(|place| place.is_inside(&path)).await {
                        // What comes of it is yet to be written down around it.
                        sleep(grace).await;
                    }
                });
                self.env.token.cancel();
            }
            Phase::Stopping(cause) => {
                self.phase = Phase::Aborted(cause);
                self.set.abort_all();
                let at = Instant::now() + GIVE_UP;
                self.watch = then_advance(async move { sleep_until(at).await });
            }
            Phase::Aborted(_) => {
                self.zombies = self.set.len();
                self.live.give_up(self.zombies);
                report(&self.cx, self.zombies);
                self.set.detach_all();
                self.given_up = self.running.drain().map(|(_, running)| running).collect();
                self.watch = std::future::pending().boxed();
            }
        }
    }
}

/// Waits until the scope has to stop.
pub(super) async fn stopped(env: &Env) -> Cause {
    let cancelled = pin!(env.token.cancelled());
    if env.has_deadline() {
        select(cancelled, pin!(env.deadline_passed())).await;
    } else {
        cancelled.await;
    }
    if env.is_past_deadline() { Cause::Deadline } else { Cause::Cancelled }
}

/// Fixes the instant at which the tasks of a scope are aborted, if that was not done before.
pub(super) fn fix_abort(env: &Env, grace: Duration) -> Instant {
    env.stop.set(brought_forward(env, after(grace)))
}

/// Waits until the tasks of a scope are aborted: at the instant that it has fixed, or an earlier one
/// where a scope around it is stopped meanwhile.
async fn abort_due(env: Arc<Env>, fixed: Instant) {
    loop {
        let mut stops = env.stop.changes();
        let changed = poll_fn(|cx| {
            let changed = stops.iter_mut().any(|stop| stop.as_mut().poll(cx).is_ready());
            if changed { Poll::Ready(()) } else { Poll::Pending }
        });
        let due = pin!(sleep_until(brought_forward(&env, fixed)));
        if let Either::Left(_) = select(due, changed).await {
            return;
        }
    }
}

fn brought_forward(env: &Env, at: Instant) -> Instant {
    let shared = !env.run.breaks(Rule::SharedAbortInstant);
    let inherited = env.stop.inherited().filter(|_| shared);
    inherited.map_or(at, |inherited| inherited.min(at))
}

fn then_advance(
    ended: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, Option<Cause>> {
    ended.map(|()| None).boxed()
}

/// The instant after this time, or one so far away that nobody will see it.
pub(crate) fn after(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    let now = Instant::now();
    now.checked_add(time.min(FAR)).unwrap_or(now)
}
