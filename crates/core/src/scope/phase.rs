use std::pin::pin;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, select};
use tokio::time::Instant;

use super::{GIVE_UP, Scope, report};
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

impl<T: Send + 'static> Scope<T> {
    /// Goes on to the next phase: from open to stopping to aborted to given up.
    pub(super) fn advance(&mut self, cause: Option<Cause>) {
        match self.phase {
            Phase::Open => {
                let cause = cause.unwrap_or(Cause::Cancelled);
                self.phase = Phase::Stopping(cause);
                let own = after(self.grace);
                let shared = !self.env.run.breaks(Rule::SharedAbortInstant);
                let inherited = self.env.stop.inherited().filter(|_| shared);
                let at = self.env.stop.set(inherited.map_or(own, |at| at.min(own)));
                self.env.token.cancel();
                self.watch = until(at);
            }
            Phase::Stopping(cause) => {
                self.phase = Phase::Aborted(cause);
                self.tasks.abort_all();
                self.watch = until(Instant::now() + GIVE_UP);
            }
            Phase::Aborted(_) => {
                self.live.fence();
                self.zombies = self.tasks.len();
                report(&self.cx, self.zombies);
                self.tasks.detach_all();
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

fn until(at: Instant) -> BoxFuture<'static, Option<Cause>> {
    async move {
        tokio::time::sleep_until(at).await;
        None
    }
    .boxed()
}

/// The instant after this time, or one so far away that nobody will see it.
pub(crate) fn after(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    let now = Instant::now();
    now.checked_add(time.min(FAR)).unwrap_or(now)
}
