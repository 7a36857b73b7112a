//! The one owner of concurrent work.

mod children;
mod live;
mod phase;
mod task;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, FutureExt, select};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

pub use children::Children;
use live::Fence;
pub(crate) use live::{Ended, Live, Stop};
pub(crate) use phase::after;
use phase::{Cause, Phase, stopped};
pub use task::{Done, Timing};

use crate::broken::Rule;
use crate::context::env::Env;
use crate::context::{ChildKey, RunContext};
use crate::error::AgentError;
use crate::event::EventKind;
use crate::run::count;
use task::Task;

/// How long a scope that is stopped lets its tasks end by themselves, unless it is told otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long tasks that were aborted may take to be gone before they count as zombies.
const GIVE_UP: Duration = Duration::from_millis(200);

/// Owns the tasks that an agent starts: cancels, waits a grace, aborts and *awaits* them.
///
/// A scope is open on a context and ends before it. Its tasks run on their own, at the same time;
/// their contexts are made by [`child`](Self::child) and [`child_at`](Self::child_at). It is
/// stopped by [`stop`](Self::stop), by its context's cancellation or by its deadline: the tasks are
/// asked to stop, and those that have not ended after the grace are aborted. Scopes below one that is
/// being stopped share its instant, so that the whole tree ends within one grace.
///
/// [`close`](Self::close) returns when the last task is gone, those of scopes below and of dropped
/// ones included. A task that blocks its thread cannot be aborted: after a bound it is counted as a
/// zombie, and can write nothing to the journal any more. Dropping a scope cancels and aborts, and
/// [`Run::quiesce`](crate::Run::quiesce) waits for what is left.
///
/// ```
/// use maniple_core::{AgentError, Run, Scope, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let sum_of_squares = agent_fn("squares", |to: u64, cx| async move {
///     let mut scope = Scope::open(&cx)?;
///     for n in 1..=to {
///         let child = scope.child_at(n);
///         scope.spawn(child, move |_cx| async move { Ok(n * n) });
///     }
///     let mut sum = 0;
///     while let Some(done) = scope.next().await {
///         sum += done.result?;
///     }
///     scope.close().await;
///     Ok(sum)
/// });
/// let run = Run::builder("example").open().await?;
/// assert_eq!(run.execute(sum_of_squares, 4).await?, 30);
/// # Ok(())
/// # }
/// ```
pub struct Scope<T> {
    cx: RunContext,
    env: Arc<Env>,
    live: Arc<Live>,
    ended: Ended,
    tasks: JoinSet<Task<T>>,
    running: HashMap<Id, Running>,
    spawned: usize,
    zombies: usize,
    given_up: Vec<Running>,
    grace: Duration,
    phase: Phase,
    /// What ends the phase.
    watch: BoxFuture<'static, Option<Cause>>,
    _cancel: DropGuard,
    fence: Fence,
}

/// A task that has not ended.
#[derive(Debug)]
struct Running {
    index: usize,
    cx: RunContext,
    spawned: Instant,
}

impl<T: Send + 'static> Scope<T> {
    /// Opens a scope on a context.
    ///
    /// # Errors
    /// `Cancelled` where the scope that the context belongs to has ended, `NestedStep` in the body of
    /// a step.
    pub fn open(cx: &RunContext) -> Result<Self, AgentError> {
        cx.check_not_nested(|| cx.path())?;
        cx.check_open()?;
        let cancelled = || AgentError::Cancelled { key: cx.path() };
        let parent = cx.env().live.upgrade().ok_or_else(cancelled)?;
        let (live, ended) = Live::new(Some(parent));
        let above = cx.env();
        let token = above.token.child_token();
        let env = Arc::new(Env {
            live: Arc::downgrade(&live),
            token: token.clone(),
            stop: Stop::below(&above.stop),
            ..Env::clone(above)
        });
        let watched = env.clone();
        let watch = async move { Some(stopped(&watched).await) }.boxed();
        Ok(Self {
            cx: cx.clone(),
            env,
            fence: Fence(Some(live.clone())),
            live,
            ended,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            spawned: 0,
            zombies: 0,
            given_up: Vec::new(),
            grace: GRACE,
            phase: Phase::Open,
            watch,
            _cancel: token.drop_guard(),
        })
    }

    /// How long tasks may take to end once they were asked to, unless a scope above is being stopped
    /// too; 5 seconds by default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Runs one piece of work as the named child of a context, in a scope of its own: what stops the
    /// context stops the work, and nothing of it is left when this returns.
    ///
    /// # Errors
    /// Those of the work, and those of [`open`](Self::open).
    ///
    /// # Cancel safety
    /// Dropped, it is as if its scope had been dropped.
    pub async fn run_one<F, Fut>(
        cx: &RunContext,
        name: &str,
        grace: Duration,
        work: F,
    ) -> Result<Done<T>, AgentError>
    where
        F: FnOnce(RunContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, AgentError>> + Send + 'static,
    {
        let mut scope = Self::open(cx)?.with_grace(grace);
        let child = scope.child(name);
        scope.spawn(child, work);
        let done = scope.next().await;
        scope.close().await;
        // A scope answers once for each task that it was given.
        done.ok_or_else(|| AgentError::Cancelled { key: cx.path() })
    }

    /// A context for a task that is started in turn with others; see [`RunContext::child`].
    pub fn child(&self, name: &str) -> RunContext {
        self.children().child(name)
    }

    /// A context for one of many tasks; see [`RunContext::child_at`].
    pub fn child_at(&self, key: impl Into<ChildKey>) -> RunContext {
        self.children().child_at(key)
    }

    /// What makes the contexts of this scope from inside its tasks.
    pub fn children(&self) -> Children {
        Children::new(self.cx.clone(), self.env.clone())
    }

    /// Starts a task under one of this scope's contexts and returns its index, from 0. A panic in it
    /// is its result.
    pub fn spawn<F, Fut>(&mut self, cx: RunContext, work: F) -> usize
    where
        F: FnOnce(RunContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, AgentError>> + Send + 'static,
    {
        let task = task::agent(self.live.clone(), cx.clone(), work);
        self.start(cx, task)
    }

    /// Starts a task that is no agent itself, such as one of several that take turns on a queue and
    /// [invoke](RunContext::invoke) what they find there. Nothing is told of it.
    pub fn spawn_worker<Fut>(&mut self, work: Fut) -> usize
    where
        Fut: Future<Output = Result<T, AgentError>> + Send + 'static,
    {
        let task = task::worker(self.live.clone(), work);
        self.start(self.cx.clone(), task)
    }

    fn start(
        &mut self,
        cx: RunContext,
        task: impl Future<Output = Task<T>> + Send + 'static,
    ) -> usize {
        let (index, spawned) = (self.spawned, Instant::now());
        self.spawned += 1;
        let handle = self.tasks.spawn(task);
        self.running.insert(handle.id(), Running { index, cx, spawned });
        if matches!(self.phase, Phase::Aborted(_)) {
            handle.abort();
        }
        index
    }

    /// How many tasks were started and have not been returned by [`next`](Self::next).
    pub fn len(&self) -> usize {
        self.running.len() + self.given_up.len()
    }

    /// Whether every task that was started has been returned by [`next`](Self::next).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next task to end, in the order of their ends; `None` when there is none left.
    ///
    /// While this waits, the scope's deadline and cancellation are watched and acted on. A task that
    /// was aborted ends with `DeadlineExceeded` or `Cancelled`.
    ///
    /// # Cancel safety
    /// Cancel safe: a task that has ended is returned by the next call.
    pub async fn next(&mut self) -> Option<Done<T>> {
        loop {
            if let Some(running) = self.given_up.pop() {
                return Some(running.aborted(self.phase));
            }
            if self.tasks.is_empty() {
                return None;
            }
            // Who has ended is no zombie, however late it is asked for.
            let ended = match self.phase {
                Phase::Aborted(_) => self.tasks.try_join_next_with_id(),
                _ => None,
            };
            let joined = if ended.is_some() {
                Either::Left(ended)
            } else {
                let joining = pin!(self.tasks.join_next_with_id());
                // The watch first: a scope in which some task always has ended would never look at it.
                match select(&mut self.watch, joining).await {
                    Either::Left((cause, _)) => Either::Right(cause),
                    Either::Right((joined, _)) => Either::Left(joined),
                }
            };
            match joined {
                Either::Left(None) => return None,
                Either::Left(Some(Ok((id, task)))) => {
                    if let Some(running) = self.running.remove(&id) {
                        return Some(running.done(task));
                    }
                }
                Either::Left(Some(Err(error))) => {
                    if error.is_panic() && self.env.run.breaks(Rule::PanicsAreContained) {
                        std::panic::resume_unwind(error.into_panic());
                    }
                    if let Some(running) = self.running.remove(&error.id()) {
                        return Some(running.lost(self.phase, error));
                    }
                }
                Either::Right(cause) => self.advance(cause),
            }
        }
    }

    /// Asks every task to stop. Those that have not ended after the grace are aborted by
    /// [`next`](Self::next) or [`close`](Self::close).
    pub fn stop(&mut self) {
        if self.phase == Phase::Open {
            self.advance(Some(Cause::Cancelled));
        }
    }

    /// Stops what still runs, and waits until every task below this scope is gone. Returns how many
    /// could not be ended and are left as zombies.
    ///
    /// # Cancel safety
    /// Dropped, it is as if the scope had been dropped.
    pub async fn close(mut self) -> usize {
        if !self.is_empty() {
            self.stop();
        }
        while self.next().await.is_some() {}
        let Self { live, mut ended, env, cx, phase, zombies, mut fence, .. } = self;
        let below = Arc::downgrade(&live);
        fence.0 = None;
        drop(live);
        if env.run.breaks(Rule::ScopesWaitForGrandchildren) {
            return zombies;
        }
        // A dropped scope below was told to abort when it was dropped, but its tasks may not be gone.
        let bound = match phase {
            Phase::Open => Instant::now() + GIVE_UP,
            _ => Instant::now().max(env.stop.set(Instant::now())) + GIVE_UP,
        };
        let late = pin!(tokio::time::sleep_until(bound));
        if let Either::Left(_) = select(&mut ended, late).await {
            return zombies;
        }
        if let Some(below) = below.upgrade() {
            below.fence();
        }
        if zombies == 0 {
            // How many tasks of scopes below there are is not known here.
            report(&cx, 1);
        }
        zombies.max(1)
    }
}

fn report(cx: &RunContext, zombies: usize) {
    count(&cx.env().run.counters.zombies, zombies as u64);
    cx.emit(|| EventKind::Zombies { tasks: zombies });
}

impl<T> fmt::Debug for Scope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("path", &self.cx.path())
            .field("running", &self.running.len())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
