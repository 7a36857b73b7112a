//! A scope that is dropped ends as one that is stopped, only that nobody has to wait there for it.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Alive, PanicAt, open, parallel, paused, reopen, settle, until};
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use maniple_core::{
    AgentError, Class, Effect, Fact, Key, MemoryJournal, Run, RunContext, Scope, agent_fn,
};
use tokio::time::{Instant, sleep, timeout};

use crate::common;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A step that takes so long.
async fn slow_step(cx: RunContext, takes: Duration) -> Result<(), AgentError> {
    let body = |(), _| async move {
        sleep(takes).await;
        Ok(())
    };
    cx.step("slow", Effect::Idempotent, (), body).await
}

fn receipts(journal: &MemoryJournal) -> Vec<Key> {
    let records = journal.records().into_iter();
    let receipts = records.filter(|record| matches!(record.fact, Fact::Receipt { .. }));
    receipts.map(|record| record.key).collect()
}

/// A scope with one task that takes so long, begun.
async fn scope_of(cx: &RunContext, grace: Duration, takes: Duration) -> Scope<()> {
    let mut scope = Scope::open(cx).unwrap().with_grace(grace);
    let child = scope.child("task");
    scope.spawn(child, move |cx| slow_step(cx, takes));
    settle().await;
    scope
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ends_within_the_grace_has_its_receipt() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let dropped = Instant::now();
    drop(scope_of(&run.context(), 5 * SECOND, 3 * SECOND).await);
    run.quiesce().await;
    assert_eq!(dropped.elapsed().as_secs(), 3, "quiet as soon as the last task is gone");
    assert_eq!(receipts(&journal), [Key::new("/task/slow")]);
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_is_aborted_at_the_end_of_the_grace() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let dropped = Instant::now();
    drop(scope_of(&run.context(), 5 * SECOND, HOUR).await);
    run.quiesce().await;
    assert_eq!(dropped.elapsed().as_secs(), 5);
    assert!(receipts(&journal).is_empty());
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_to_stop_and_begins_nothing() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let mut scope = Scope::open(&run.context()).unwrap();
    let (child, refused) = (scope.child("task"), Arc::new(Mutex::new(None)));
    let told = refused.clone();
    scope.spawn(child, |cx| async move {
        cx.cancelled().await;
        *told.lock().unwrap() = slow_step(cx, SECOND).await.err().map(|error| error.class());
        Ok(())
    });
    settle().await;
    drop(scope);
    run.quiesce().await;
    assert_eq!(*refused.lock().unwrap(), Some(Class::Cancelled));
    assert_eq!(journal.records().len(), 1, "only that the run has started");
}

#[tokio::test(start_paused = true)]
async fn a_scope_without_running_tasks_leaves_nothing_to_wait_for() {
    let run = open(Run::builder("idle")).await;
    drop(Scope::<()>::open(&run.context()).unwrap());
    // One that has ended, and whose result nobody has asked for.
    drop(scope_of(&run.context(), HOUR, Duration::ZERO).await);
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0);
    assert!(run.quiesce().now_or_never().is_some());
}

/// An agent of one slow step, and its receipt.
async fn execution_of(run: &Run, takes: Duration) -> Result<(), AgentError> {
    run.execute(agent_fn("agent", move |(), cx| slow_step(cx, takes)), ()).await
}

#[tokio::test(start_paused = true)]
async fn a_dropped_execution_has_the_grace_of_its_run_and_is_replayed() {
    let journal = MemoryJournal::new();
    let builder = Run::builder("test").with_journal(journal.clone());
    let run = open(builder.with_grace(10 * SECOND)).await;
    assert!(timeout(SECOND, execution_of(&run, 9 * SECOND)).await.is_err());
    // Somebody is still at it.
    let error = execution_of(&run, 9 * SECOND).await.unwrap_err();
    assert!(matches!(error, AgentError::ConcurrentStep { .. }), "{error}");
    let dropped = Instant::now();
    run.quiesce().await;
    assert_eq!(dropped.elapsed().as_secs(), 8);
    assert_eq!(receipts(&journal), [Key::new("/agent/slow")]);
    for run in [run, reopen(&journal).await] {
        execution_of(&run, 9 * SECOND).await.unwrap();
        assert_eq!(run.stats().steps_replayed, 1);
    }
}

/// Scopes in each other around a task that ignores that it is asked to stop.
fn nest(cx: RunContext, graces: Vec<Duration>) -> BoxFuture<'static, Result<(), AgentError>> {
    async move {
        let Some((grace, inner)) = graces.split_first() else {
            return pending().await;
        };
        let mut scope = Scope::open(&cx)?.with_grace(*grace);
        let (child, inner) = (scope.child("inner"), inner.to_vec());
        scope.spawn(child, move |cx| nest(cx, inner));
        pending().await
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn scopes_that_are_dropped_together_end_within_one_grace() {
    let run = open(Run::builder("nest").with_grace(5 * SECOND)).await;
    let agent = agent_fn("nest", |(), cx| nest(cx, vec![HOUR, 4 * SECOND, HOUR, 3 * SECOND]));
    assert!(timeout(SECOND, run.execute(agent, ())).await.is_err());
    let dropped = Instant::now();
    run.quiesce().await;
    // Owners that do not watch over their scopes drop them when they are aborted, at once.
    let took = dropped.elapsed();
    assert!(took >= 5 * SECOND && took < 5 * SECOND + SECOND / 10, "{took:?}");
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_dropped_by_an_aborted_task_has_no_grace_of_its_own() {
    let run = open(Run::builder("aborted")).await;
    let mut outer: Scope<()> = Scope::open(&run.context()).unwrap().with_grace(SECOND);
    let child = outer.child("outer");
    outer.spawn(child, |cx| nest(cx, vec![HOUR]));
    settle().await;
    let stopped = Instant::now();
    assert_eq!(outer.close().await, 0);
    assert!(stopped.elapsed() < SECOND + SECOND / 10, "{:?}", stopped.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_scope_shares_the_instant_of_one_around_it_that_is_stopped_later() {
    let run = open(Run::builder("later").with_grace(SECOND)).await;
    let agent = agent_fn("owner", |(), cx: RunContext| async move {
        drop(scope_of(&cx, HOUR, HOUR).await);
        sleep(60 * SECOND).await;
        Ok(())
    });
    let began = Instant::now();
    // When the agent has ended, its scope closes, and gives what is below its own grace.
    run.execute(agent, ()).await.unwrap();
    let took = began.elapsed();
    assert!(took >= 60 * SECOND && took <= 61 * SECOND, "{took:?}");
    // So does the run, when it is cancelled after the scope was dropped.
    drop(scope_of(&run.context(), HOUR, HOUR).await);
    let cancelled = Instant::now();
    run.cancel();
    run.quiesce().await;
    assert!(cancelled.elapsed() <= SECOND, "{:?}", cancelled.elapsed());
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_dropped_while_it_stops_goes_on_from_there() {
    let run = open(Run::builder("stopping")).await;
    let mut scope = scope_of(&run.context(), 5 * SECOND, HOUR).await;
    scope.stop();
    let stopped = Instant::now();
    assert!(timeout(3 * SECOND, scope.next()).await.is_err());
    drop(scope);
    run.quiesce().await;
    assert_eq!(stopped.elapsed().as_secs(), 5);
    // As does one whose closing is dropped.
    let scope = scope_of(&run.context(), 5 * SECOND, HOUR).await;
    let stopped = Instant::now();
    assert!(timeout(3 * SECOND, scope.close()).await.is_err());
    run.quiesce().await;
    assert_eq!(stopped.elapsed().as_secs(), 5);
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("on the way out"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_one_that_is_left_is_that_of_no_other() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let mut scope = Scope::open(&run.context()).unwrap();
    for (index, panics_at) in (0..).zip([1, 2]) {
        let child = scope.child_at(index);
        scope.spawn(child, move |cx: RunContext| {
            PanicAt::new(panics_at, async move {
                cx.cancelled().await;
                Ok(None)
            })
        });
    }
    // Results that panic when nobody wants them: before the scope is dropped, and after it.
    for (index, takes) in (2..).zip([Duration::ZERO, SECOND]) {
        let child = scope.child_at(index);
        scope.spawn(child, move |_| async move {
            sleep(takes).await;
            Ok(Some(Bomb))
        });
    }
    let child = scope.child("works");
    scope.spawn(child, |cx| async move {
        slow_step(cx, 3 * SECOND).await?;
        Ok(None)
    });
    settle().await;
    drop(scope);
    run.quiesce().await;
    assert_eq!(receipts(&journal), [Key::new("/works/slow")]);
    assert_eq!(run.stats().zombies, 0);
}

#[test]
fn without_a_runtime_tasks_are_aborted_at_once_and_write_nothing() {
    let (journal, alive) = (MemoryJournal::new(), Alive::default());
    let runtime = paused();
    let (run, scope) = runtime.block_on(async {
        let run = reopen(&journal).await;
        let mut scope = Scope::open(&run.context()).unwrap();
        let (child, guard) = (scope.child("task"), alive.guard());
        scope.spawn(child, |cx| async move {
            let _alive = guard;
            slow_step(cx, SECOND).await
        });
        settle().await;
        (run, scope)
    });
    // Outside of the runtime, which goes on.
    drop(scope);
    runtime.block_on(async {
        run.quiesce().now_or_never();
        until(|| alive.count() == 0).await;
        timeout(SECOND, run.quiesce()).await.expect("nothing is left");
    });
    assert!(receipts(&journal).is_empty());

    // And where the runtime goes with the scope, or before it.
    let scope = runtime.block_on(async {
        drop(scope_of(&run.context().child("with"), HOUR, HOUR).await);
        scope_of(&run.context().child("before"), HOUR, HOUR).await
    });
    drop(runtime);
    drop(scope);
    paused().block_on(async {
        timeout(SECOND, run.quiesce()).await.expect("nothing is left");
    });
    assert!(receipts(&journal).is_empty());
}

#[test]
fn a_task_that_blocks_is_counted_and_waited_for() {
    let grace = Duration::from_millis(10);
    parallel().block_on(async {
        let journal = MemoryJournal::new();
        let run = open(Run::builder("blocks").with_journal(journal.clone())).await;
        let (release, released) = channel::<()>();
        let (entered, alive) = (Arc::new(tokio::sync::Notify::new()), Alive::default());
        let mut scope = Scope::open(&run.context()).unwrap().with_grace(grace);
        let (child, told, guard) = (scope.child("task"), entered.clone(), alive.guard());
        scope.spawn(child, |cx| async move {
            let body = |(), _| async move {
                let _alive = guard;
                // From a thread of its own: what this one wakes might wait behind it.
                thread::spawn(move || told.notify_one()).join().expect("it does not panic");
                let _ = released.recv_timeout(Duration::from_secs(60));
                Ok(())
            };
            cx.step("blocks", Effect::Idempotent, (), body).await
        });
        entered.notified().await;
        drop(scope);
        let mut quiet = std::pin::pin!(run.quiesce());
        // Polled before and after the task was given up.
        while run.stats().zombies == 0 {
            assert!(futures::poll!(&mut quiet).is_pending());
            sleep(grace).await;
        }
        assert!(timeout(grace, &mut quiet).await.is_err(), "the task is still alive");
        assert_eq!(alive.count(), 1);
        release.send(()).unwrap();
        quiet.await;
        assert_eq!(alive.count(), 0);
        assert_eq!(run.stats().zombies, 1);
        assert!(receipts(&journal).is_empty(), "it came after its grace");
    });
}

#[test]
fn a_task_that_blocks_no_longer_than_its_grace_has_its_receipt() {
    parallel().block_on(async {
        let journal = MemoryJournal::new();
        let run = open(Run::builder("blocks").with_journal(journal.clone())).await;
        let mut scope = Scope::open(&run.context()).unwrap().with_grace(60 * SECOND);
        let child = scope.child("task");
        let (entered, begun) = channel();
        scope.spawn(child, |cx| async move {
            let body = |(), _| async move {
                entered.send(()).unwrap();
                thread::sleep(Duration::from_millis(20));
                Ok(())
            };
            cx.step("blocks", Effect::Idempotent, (), body).await
        });
        begun.recv().unwrap();
        drop(scope);
        run.quiesce().await;
        assert_eq!(receipts(&journal), [Key::new("/task/blocks")]);
        assert_eq!(run.stats().zombies, 0);
    });
}
