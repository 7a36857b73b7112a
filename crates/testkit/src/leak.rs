use std::future::Future;
use std::time::Duration;

use futures::FutureExt;
use maniple_core::{Budget, Run, RunId};
use tokio::runtime::Handle;
use tokio::task::unconstrained;

use crate::clock::Clock;

/// What was still there when it should have been gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Leak {
    /// Tasks are alive in this runtime that were not before.
    #[error(
        "{alive} tasks are alive, {before} were before: something was spawned that its owner neither \
         stopped nor awaited; spawn it in a Scope"
    )]
    Tasks {
        /// How many were alive before.
        before: usize,
        /// How many are alive now.
        alive: usize,
    },
    /// A part of the run's budget did not come back.
    #[error(
        "of the budget of run {run}, {granted} is still granted to children and {reserved} still \
         reserved: a lease or a reservation is kept alive"
    )]
    Budget {
        /// The run.
        run: RunId,
        /// What living leases of children have.
        granted: Budget,
        /// What is set aside for calls that nobody makes any more.
        reserved: Budget,
    },
    /// A context or lease outlived its run.
    #[error(
        "a context of run {run} outlived it: a RunContext, StepContext or Lease was stored somewhere \
         that is still alive"
    )]
    Context {
        /// The run.
        run: RunId,
    },
    /// A run did not come to rest.
    #[error("the tasks of run {run} did not end within {patience:?}: one blocks its thread")]
    Restless {
        /// The run.
        run: RunId,
        /// How long was waited, in the time of the runtime.
        patience: Duration,
    },
}

/// The runs that a piece of work leaves to be looked at: none, one, or many.
#[derive(Debug, Default)]
pub struct Runs(Vec<Run>);

impl From<()> for Runs {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<Run> for Runs {
    fn from(run: Run) -> Self {
        Self(vec![run])
    }
}

impl From<Vec<Run>> for Runs {
    fn from(runs: Vec<Run>) -> Self {
        Self(runs)
    }
}

/// How often it is looked whether a task has ended, with a millisecond in between.
const LOOKS: usize = 200;

/// Far more than the grace of a run.
const PATIENCE: Duration = Duration::from_secs(600);

/// Does some work and looks for what it left behind.
///
/// The work may give back the runs that it used. Each of these is [quiesced](Run::quiesce), its budget
/// must have come back, and when it is dropped no context of it may be alive. Whatever the work gives
/// back, as many tasks must be alive in this runtime as before, within a fifth of a second. A run that
/// the work drops itself is seen by its tasks alone.
///
/// Nothing else may spawn or end in the runtime meanwhile. Threads, and tasks of other runtimes, are not
/// seen. What is granted or reserved of an amount without a limit is not seen either, so give the run a
/// budget. A run that was resumed and has not come by what it used before counts that as reserved.
///
/// # Errors
/// The first [`Leak`].
///
/// # Cancel safety
/// Dropped, it drops the work.
///
/// ```
/// use maniple_core::{Budget, Run, agent_fn};
/// use maniple_testkit::{Leak, leaks_nothing};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let keeps_to_itself = || agent_fn("good", |(): (), cx| async move { Ok(cx.remaining().calls) });
/// let spawns = || {
///     agent_fn("secret", |(): (), _| async move {
///         drop(tokio::spawn(std::future::pending::<()>()));
///         Ok(0)
///     })
/// };
/// let budget = Budget { calls: 5, ..Budget::ZERO };
///
/// leaks_nothing(|| async {
///     let run = Run::builder("shop").with_budget(budget).open().await.unwrap();
///     assert_eq!(run.execute(keeps_to_itself(), ()).await.unwrap(), 5);
///     run
/// })
/// .await
/// .unwrap();
///
/// let leak = leaks_nothing(|| async {
///     let run = Run::builder("shop").open().await.unwrap();
///     run.execute(spawns(), ()).await.unwrap();
///     run
/// });
/// assert_eq!(leak.await, Err(Leak::Tasks { before: 0, alive: 1 }));
/// # }
/// ```
pub async fn leaks_nothing<F, Fut, R>(work: F) -> Result<(), Leak>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
    R: Into<Runs>,
{
    let clock = Clock::of_this_runtime();
    let before = Alive::now();
    let Runs(runs) = work().await.into();
    for run in runs {
        is_restored(run, PATIENCE).await?;
    }
    before.is_restored(clock).await
}

async fn is_restored(run: Run, patience: Duration) -> Result<(), Leak> {
    let id = run.id().clone();
    let mut events = run.events();
    let resting = tokio::time::timeout(patience, run.quiesce());
    resting.await.map_err(|_| Leak::Restless { run: id.clone(), patience })?;
    {
        let cx = run.context();
        let lease = cx.lease();
        let granted = lease.granted();
        let reserved = outstanding(lease.limit(), lease.remaining().plus(granted), lease.spent());
        if !granted.is_zero() || !reserved.is_zero() {
            return Err(Leak::Budget { run: id, granted, reserved });
        }
    }
    drop(run);
    // The channel of events lives as long as the last context of the run.
    while let Some(next) = unconstrained(events.next()).now_or_never() {
        if next.is_none() {
            return Ok(());
        }
    }
    Err(Leak::Context { run: id })
}

/// What is neither left nor spent. Of an amount without a limit nothing is known.
fn outstanding(limit: Budget, left: Budget, spent: Budget) -> Budget {
    let of = |limit: u64, left: u64, spent: u64| match limit {
        u64::MAX => 0,
        limit => limit.saturating_sub(spent).saturating_sub(left),
    };
    Budget {
        tokens: of(limit.tokens, left.tokens, spent.tokens),
        cost_micros: of(limit.cost_micros, left.cost_micros, spent.cost_micros),
        calls: of(limit.calls, left.calls, spent.calls),
    }
}

/// How many tasks are alive in this runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alive(usize);

impl Alive {
    pub(crate) fn now() -> Self {
        Self(Handle::current().metrics().num_alive_tasks())
    }

    /// Waits until no more are alive than there were.
    pub(crate) async fn is_restored(self, clock: Clock) -> Result<(), Leak> {
        for _ in 0..LOOKS {
            if Self::now().0 <= self.0 {
                return Ok(());
            }
            clock.pass(Duration::from_millis(1)).await;
        }
        Err(Leak::Tasks { before: self.0, alive: Self::now().0 })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};

    use futures::future::select;
    use maniple_core::{Scope, agent_fn};
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_task_that_blocks_its_thread_is_found() {
        let began = Arc::new(Notify::new());
        let (release, blocked) = channel::<()>();
        let (begins, blocked) = (began.clone(), Mutex::new(Some(blocked)));
        let blocks = agent_fn("blocks", move |(): (), cx| {
            let (begins, blocked) = (begins.clone(), blocked.lock().unwrap().take().unwrap());
            async move {
                let mut scope = Scope::open(&cx)?;
                let child = scope.child_at(0);
                scope.spawn(child, |_| async move {
                    begins.notify_one();
                    // It ends when the test has dropped the other end.
                    blocked.recv().unwrap_err();
                    Ok(())
                });
                scope.next().await.map_or(Ok(()), |done| done.result)
            }
        });
        let run = Run::builder("test").with_grace(Duration::ZERO).open().await.unwrap();
        let id = run.id().clone();
        drop(select(pin!(run.execute(blocks, ())), pin!(began.notified())).await);
        let patience = Duration::from_millis(50);
        assert_eq!(is_restored(run, patience).await, Err(Leak::Restless { run: id, patience }));
        drop(release);
    }
}
