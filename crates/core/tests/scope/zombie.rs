//! Tasks that block their thread: nothing can end them, so they are counted, and can write nothing
//! any more. These tests need real threads, and the bound after which a task is given up is real time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{open, reopen};
use maniple_core::{
    AgentError, Class, Effect, EventKind, Fact, MemoryJournal, Record, Run, RunContext, Scope,
    agent_fn,
};
use tokio::sync::{Notify, mpsc};

use crate::common;

/// Blocks a thread until it is released, or its other end is gone with a test that failed.
struct Block {
    entered: Arc<Notify>,
    released: Mutex<Receiver<()>>,
}

fn block() -> (Arc<Block>, Arc<Notify>, Sender<()>) {
    let (release, released) = channel();
    let entered = Arc::new(Notify::new());
    let block = Block { entered: entered.clone(), released: Mutex::new(released) };
    (Arc::new(block), entered, release)
}

impl Block {
    fn enter(&self) {
        // From a thread of its own: a task that this one woke might wait behind it for this thread.
        let entered = self.entered.clone();
        thread::spawn(move || entered.notify_one()).join().expect("it does not panic");
        let released = self.released.lock().expect("nothing panics while it is held");
        let _ = released.recv_timeout(Duration::from_secs(60));
    }
}

/// A step whose body blocks the thread.
async fn blocking_step(cx: RunContext, block: Arc<Block>) -> Result<(), AgentError> {
    let body = |(), _| async move {
        block.enter();
        Ok(())
    };
    cx.step("blocks", Effect::Idempotent, (), body).await
}

fn receipts(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record.fact, Fact::Receipt { .. })).count()
}

fn is_zombie(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Zombies { tasks: 1 })
}

const GRACE: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_is_reported_and_its_step_gets_no_receipt() {
    let (block, entered, release) = block();
    let journal = MemoryJournal::new();
    let run = open(Run::builder("zombie").with_journal(journal.clone()).with_grace(GRACE)).await;
    let mut events = run.events();
    let agent = agent_fn("zombie", move |(), cx| blocking_step(cx, block.clone()));
    let cancel = async {
        entered.notified().await;
        run.cancel();
    };
    let (result, ()) = futures::join!(run.execute(agent, ()), cancel);
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert_eq!(run.stats().zombies, 1);
    let mut reported = 0;
    while let Some(Some(Ok(event))) = futures::FutureExt::now_or_never(events.next()) {
        if let EventKind::Zombies { tasks } = event.kind {
            reported += tasks;
        }
    }
    assert_eq!(reported, 1);

    let before = journal.records();
    release.send(()).unwrap();
    run.quiesce().await;
    assert_eq!(journal.records(), before, "a zombie wrote to the journal");
    assert_eq!(receipts(&before), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_opens_nothing_when_it_comes_back() {
    let (block, entered, release) = block();
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let refused = Arc::new(Mutex::new(Vec::new()));
    let (log, cx) = (refused.clone(), run.context());
    let mut scope = Scope::open(&cx).unwrap().with_grace(GRACE);
    let child = scope.child("zombie");
    scope.spawn(child, move |cx: RunContext| async move {
        block.enter();
        let errors = [
            Scope::<()>::open(&cx).err(),
            cx.check_shape(&"shape").err(),
            // These need no further poll: the abort would be noticed at the first one that waits.
            futures::FutureExt::now_or_never(cx.decide("decision", || ())).and_then(Result::err),
            futures::FutureExt::now_or_never(cx.branch((), |()| async { Ok(()) }))
                .and_then(Result::err),
        ];
        log.lock().unwrap().extend(errors);
        Ok(())
    });
    entered.notified().await;
    assert_eq!(scope.close().await, 1);

    let before = journal.records();
    release.send(()).unwrap();
    run.quiesce().await;
    assert_eq!(journal.records(), before);
    let refused = refused.lock().unwrap();
    assert_eq!(refused.len(), 4);
    for error in refused.iter() {
        assert_eq!(error.as_ref().map(AgentError::class), Some(Class::Cancelled));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_was_given_up_writes_nothing_though_its_scope_is_still_open() {
    let (block, entered, release) = block();
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let mut scope = Scope::open(&run.context()).unwrap().with_grace(GRACE);
    let child = scope.child("zombie");
    // It closes when the task is gone.
    let (alive, mut gone) = mpsc::channel::<()>(1);
    scope.spawn(child, |cx| async move {
        let _alive = alive;
        blocking_step(cx, block).await
    });
    entered.notified().await;
    scope.stop();
    let done = scope.next().await.unwrap();
    assert_eq!(done.result.unwrap_err().class(), Class::Cancelled);

    let before = journal.records();
    release.send(()).unwrap();
    assert_eq!(gone.recv().await, None);
    assert_eq!(journal.records(), before, "a zombie wrote to the journal");
    scope.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_of_a_dropped_scope_writes_nothing_after_the_grace_though_the_run_goes_on() {
    let (block, entered, release) = block();
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let mut events = run.events();
    let mut scope = Scope::open(&run.context()).unwrap().with_grace(GRACE);
    let child = scope.child("zombie");
    scope.spawn(child, |cx| blocking_step(cx, block));
    entered.notified().await;
    drop(scope);
    // Nobody holds the scope any more, and it is told all the same.
    while !matches!(events.next().await, Some(Ok(event)) if is_zombie(&event.kind)) {}
    assert_eq!(run.stats().zombies, 1);

    let before = journal.records();
    release.send(()).unwrap();
    run.quiesce().await;
    assert_eq!(journal.records(), before, "it wrote to the journal");
    assert_eq!(receipts(&before), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_below_several_scopes_is_counted_once() {
    let (block, entered, release) = block();
    let run = open(Run::builder("once").with_grace(GRACE)).await;
    let agent = agent_fn("outer", move |(), cx: RunContext| {
        let block = block.clone();
        async move {
            let mut scope = Scope::open(&cx)?.with_grace(GRACE);
            let child = scope.child("zombie");
            scope.spawn(child, |cx| blocking_step(cx, block));
            let done = scope.next().await;
            scope.close().await;
            done.map_or(Ok(()), |done| done.result)
        }
    });
    let cancel = async {
        entered.notified().await;
        run.cancel();
    };
    let (result, ()) = futures::join!(run.execute(agent, ()), cancel);
    assert!(result.is_err());
    release.send(()).unwrap();
    run.quiesce().await;
    assert_eq!(run.stats().zombies, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_zombie_of_a_dropped_scope_writes_nothing_after_the_scope_around_it_has_ended() {
    let (block, entered, release) = block();
    let journal = MemoryJournal::new();
    let run = open(Run::builder("dropped").with_journal(journal.clone()).with_grace(GRACE)).await;
    let agent = agent_fn("outer", move |(), cx: RunContext| {
        let (block, entered) = (block.clone(), entered.clone());
        async move {
            let mut scope = Scope::open(&cx)?;
            let child = scope.child("zombie");
            scope.spawn(child, |cx| blocking_step(cx, block));
            entered.notified().await;
            Ok(())
        }
    });
    run.execute(agent, ()).await.unwrap();
    assert_eq!(run.stats().zombies, 1);

    let before = journal.records();
    release.send(()).unwrap();
    run.quiesce().await;
    assert_eq!(journal.records(), before, "a zombie wrote to the journal");
    assert_eq!(receipts(&before), 0);
}
