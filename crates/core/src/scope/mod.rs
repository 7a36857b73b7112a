//! The one owner of concurrent work.

mod children;
mod live;
mod phase;
mod reaper;
mod stop;
mod sync;
mod task;
mod tasks;

use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use children::Children;
pub(crate) use live::{Ended, Live};
pub(crate) use phase::after;
pub(crate) use stop::Stop;
pub use task::{Done, Timing};
use tasks::Tasks;

use crate::context::{ChildKey, RunContext};
use crate::error::AgentError;

/// How long a scope that is stopped lets its tasks end by themselves, unless it is told otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

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
/// zombie, and can write nothing to the journal any more.
///
/// Dropping a scope stops it all the same: its tasks are asked to stop, have what is left of the
/// grace, and are aborted; until then they may write down what they finish, unless the place that it
/// belongs to has ended without them. The scopes around it, and
/// [`Run::quiesce`](crate::Run::quiesce), wait until that is over. Dropped outside of a tokio runtime
/// there is nobody to give a grace: the tasks are aborted at once, and write nothing any more.
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
pub struct Scope<T: Send + 'static> {
    /// Taken when the scope is closed or dropped.
    tasks: Option<Tasks<T>>,
}

const HELD: &str = "a scope that can be called is neither closed nor dropped";

impl<T: Send + 'static> Scope<T> {
    /// Opens a scope on a context.
    ///
    /// # Errors
    /// `Cancelled` where the scope that the context belongs to has ended, `NestedStep` in the body of
    /// a step.
    pub fn open(cx: &RunContext) -> Result<Self, AgentError> {
        Ok(Self { tasks: Some(Tasks::open(cx)?) })
    }

    /// Opens a scope for what has to be done in any case, such as taking back what was done: its tasks
    /// see neither the cancellation nor the deadline of the context, nor that it has latched. Only
    /// [`stop`](Self::stop) and [`close`](Self::close) stop them.
    ///
    /// Dropped, it lets its tasks go on. The scopes around it, and
    /// [`Run::quiesce`](crate::Run::quiesce), wait until they have ended, whatever their grace is, so
    /// each task bounds itself. Nor is anything aborted around it before, or given up by a
    /// [timeout](crate::AgentExt::with_timeout): how it has ended is heard. A runtime that shuts down
    /// ends them as a crash would.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn shielded(cx: &RunContext) -> Result<Self, AgentError> {
        Ok(Self { tasks: Some(Tasks::shielded(cx)?) })
    }

    /// How long tasks may take to end once they were asked to, unless a scope above is being stopped
    /// too; 5 seconds by default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.tasks_mut().grace = grace;
        self
    }

    /// Runs one piece of work as the named child of a context, in a scope of its own: what stops the
    /// context stops the work, and nothing of it is left when this returns.
    ///
    /// # Errors
    /// Those of the work, and those of [`open`](Self::open).
    ///
    /// # Cancel safety
    /// Dropped, it is as if its scope had been dropped: the work is asked to stop and has the grace
    /// to end.
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
        let Tasks { cx, env, .. } = self.tasks();
        Children::new(cx.clone(), env.clone())
    }

    /// Starts a task under one of this scope's contexts and returns its index, from 0. A panic in it
    /// is its result.
    pub fn spawn<F, Fut>(&mut self, cx: RunContext, work: F) -> usize
    where
        F: FnOnce(RunContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, AgentError>> + Send + 'static,
    {
        let tasks = self.tasks_mut();
        let task = task::agent(cx.clone(), work, tasks.live.clone());
        tasks.start(cx, task)
    }

    /// Starts a task that is no agent itself, such as one of several that take turns on a queue and
    /// [invoke](RunContext::invoke) what they find there. Nothing is told of it.
    pub fn spawn_worker<Fut>(&mut self, work: Fut) -> usize
    where
        Fut: Future<Output = Result<T, AgentError>> + Send + 'static,
    {
        let tasks = self.tasks_mut();
        let task = task::worker(work, tasks.live.clone());
        tasks.start(tasks.cx.clone(), task)
    }

    /// How many tasks were started and have not been returned by [`next`](Self::next).
    pub fn len(&self) -> usize {
        self.tasks().len()
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
        self.tasks_mut().next().await
    }

    /// Asks every task to stop. Those that have not ended after the grace are aborted by
    /// [`next`](Self::next) or [`close`](Self::close).
    pub fn stop(&mut self) {
        self.tasks_mut().stop();
    }

    /// Stops what still runs, and waits until every task below this scope is gone, those of dropped
    /// scopes included. Returns how many could not be ended and are left as zombies.
    ///
    /// # Cancel safety
    /// Dropped, it is as if the scope had been dropped.
    pub async fn close(mut self) -> usize {
        let tasks = self.tasks_mut();
        if tasks.len() > 0 {
            tasks.stop();
        }
        while tasks.next().await.is_some() {}
        match self.tasks.take() {
            Some(tasks) => tasks.finish().await,
            None => 0,
        }
    }

    fn tasks(&self) -> &Tasks<T> {
        self.tasks.as_ref().expect(HELD)
    }

    fn tasks_mut(&mut self) -> &mut Tasks<T> {
        self.tasks.as_mut().expect(HELD)
    }
}

impl<T: Send + 'static> Drop for Scope<T> {
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.take() {
            reaper::reap(tasks);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Scope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.tasks();
        f.debug_struct("Scope")
            .field("path", &tasks.cx.path())
            .field("running", &tasks.len())
            .field("phase", &tasks.phase)
            .finish_non_exhaustive()
    }
}
