//! A shielded scope goes on whatever happens around it, and everybody waits for it.

use std::time::Duration;

use common::{reopen, settle};
use futures::FutureExt;
use futures::future::BoxFuture;
use maniple_core::{
    AgentError, AgentExt, BaseAgent, Effect, Fact, Journal, JournalError, Key, MemoryJournal,
    Record, Run, RunContext, Scope, agent_fn,
};
use tokio::time::{Instant, sleep};

use crate::common;

const SECOND: Duration = Duration::from_secs(1);

/// Two steps, which take so long each.
async fn steps(cx: RunContext, takes: Duration) -> Result<(), AgentError> {
    for name in ["first", "second"] {
        let body = |(), _| async move {
            sleep(takes).await;
            Ok(())
        };
        cx.step(name, Effect::Idempotent, (), body).await?;
    }
    Ok(())
}

async fn shielded(cx: &RunContext) -> Result<Scope<()>, AgentError> {
    let mut scope = Scope::shielded(cx)?;
    let child = scope.child("undo");
    scope.spawn(child, |cx| steps(cx, 20 * SECOND));
    settle().await;
    Ok(scope)
}

fn receipts(journal: &MemoryJournal) -> usize {
    journal.records().iter().filter(|r| matches!(r.fact, Fact::Receipt { .. })).count()
}

/// Executes an agent with a shielded scope, and does something to it while that works.
async fn during(journal: &MemoryJournal, run: &Run, harm: impl FnOnce(&Run)) -> Duration {
    let began = Instant::now();
    let agent = agent_fn("agent", |(): (), cx| async move {
        let mut scope = shielded(&cx).await?;
        scope.next().await.expect("it has a task").result
    });
    let mut executing = Box::pin(run.execute(agent, ()));
    assert!((&mut executing).now_or_never().is_none());
    settle().await;
    sleep(SECOND).await;
    harm(run);
    let _ = executing.await;
    run.quiesce().await;
    assert_eq!(receipts(journal), 2, "both steps have ended");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn cancellation_does_not_reach_it() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    // It takes longer than the grace, after which the agent around it is aborted.
    assert_eq!(during(&journal, &run, Run::cancel).await.as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_deadline() {
    let journal = MemoryJournal::new();
    let builder = Run::builder("test").with_journal(journal.clone()).with_deadline(3 * SECOND);
    let run = builder.open().await.unwrap();
    assert_eq!(during(&journal, &run, |_| {}).await.as_secs(), 40);
}

/// An agent that waits for what it has shielded, and then for itself.
async fn outcome(around: impl AsyncFnOnce(RunContext) -> Result<u64, AgentError>) -> u64 {
    let run = Run::builder("test").with_journal(MemoryJournal::new()).open().await.unwrap();
    let began = Instant::now();
    let made = around(run.context().child("around")).await.unwrap();
    run.quiesce().await;
    assert_eq!(began.elapsed().as_secs(), 40);
    made
}

fn patient() -> impl BaseAgent<Input = (), Output = u64> {
    agent_fn("patient", |(): (), cx| async move {
        let mut scope = shielded(&cx).await?;
        scope.next().await.expect("it has a task").result?;
        scope.close().await;
        sleep(SECOND / 2).await;
        Ok(7)
    })
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_it_is_not_aborted() {
    let made = outcome(async |cx| {
        let mut scope = Scope::open(&cx)?;
        let child = scope.child("patient");
        scope.spawn(child, |cx| async move { patient().run((), &cx).await });
        settle().await;
        scope.stop();
        scope.next().await.expect("it has a task").result
    });
    assert_eq!(made.await, 7);
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_timeout_give_it_up() {
    let made = outcome(async |cx| patient().with_timeout(SECOND).run((), &cx).await);
    assert_eq!(made.await, 7);
}

/// It is no reason to wait for what lies elsewhere.
#[tokio::test(start_paused = true)]
async fn what_lies_beside_it_is_aborted_in_time() {
    let run = reopen(&MemoryJournal::new()).await;
    let _beside = shielded(&run.context().child("beside")).await.unwrap();
    let mut scope = Scope::open(&run.context().child("around")).unwrap().with_grace(SECOND);
    let child = scope.child("deaf");
    scope.spawn(child, |_| std::future::pending::<Result<(), AgentError>>());
    scope.stop();
    let began = Instant::now();
    assert_eq!(scope.close().await, 0);
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn dropped_it_goes_on_and_is_waited_for() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let began = Instant::now();
    let mut around = Scope::open(&run.context()).unwrap();
    let child = around.child("around");
    around.spawn(child, |cx| async move {
        drop(shielded(&cx).await?);
        Ok(())
    });
    around.next().await.unwrap().result.unwrap();
    assert_eq!(around.close().await, 0);
    assert_eq!(began.elapsed().as_secs(), 40);
    assert_eq!(receipts(&journal), 2);
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_stops() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let mut scope = shielded(&run.context()).await.unwrap().with_grace(SECOND);
    scope.stop();
    let ended = scope.next().await.unwrap().result.unwrap_err();
    assert_eq!(ended.class(), maniple_core::Class::Cancelled);
    assert_eq!(receipts(&journal), 0);
}

#[tokio::test(start_paused = true)]
async fn a_context_that_has_latched_holds_nothing_up_behind_the_shield() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let cx = run.context().child("agent");
    let waiting: Result<bool, _> = cx.signal("approval").await;
    assert!(matches!(waiting, Err(AgentError::Suspended { .. })));
    steps(cx.child("bare"), SECOND).await.unwrap_err();
    let mut scope = Scope::shielded(&cx).unwrap();
    let child = scope.child("undo");
    scope.spawn(child, |cx| steps(cx, SECOND));
    scope.next().await.unwrap().result.unwrap();
    assert_eq!(receipts(&journal), 2);
}

#[tokio::test]
async fn what_is_in_doubt_is_named_and_can_be_abandoned() {
    let run = reopen(&MemoryJournal::new()).await;
    let cx = run.context().child("agent");
    assert_eq!(cx.in_doubt(), []);
    for (name, effect) in [
        ("read", Effect::Pure),
        ("put", Effect::Idempotent),
        ("pay", Effect::Irreversible),
        ("move", Effect::Reversible),
    ] {
        let lost = |(), _| async {
            Err::<(), _>(AgentError::new(maniple_core::Class::Indeterminate, "lost"))
        };
        cx.step(name, effect, (), lost).await.unwrap_err();
    }
    cx.step("done", Effect::Reversible, (), |(), _| async { Ok(()) }).await.unwrap();
    let keys = ["/agent/move", "/agent/pay", "/agent/put"].map(Key::new);
    assert_eq!(cx.in_doubt(), keys);
    cx.abandon().await.unwrap();
    assert_eq!(cx.in_doubt(), []);
}

#[tokio::test(start_paused = true)]
async fn the_clock_runs_for_it_when_its_execution_is_over() {
    let run = reopen(&MemoryJournal::new()).await;
    let agent = agent_fn("agent", |(): (), cx| async move {
        let mut scope = Scope::<()>::shielded(&cx)?;
        let child = scope.child("undo");
        scope.spawn(child, |cx| async move {
            let forever = agent_fn("forever", |(): (), _| std::future::pending());
            forever.with_timeout(30 * SECOND).run((), &cx).await
        });
        scope.next().await.expect("it has a task").result
    });
    tokio::time::timeout(SECOND, run.execute(agent, ())).await.unwrap_err();
    tokio::time::timeout(60 * SECOND, run.quiesce()).await.expect("it has ended in its time");
    let worked = run.worked();
    assert!(worked >= 30 * SECOND, "{worked:?}");
    sleep(SECOND).await;
    assert_eq!(run.worked(), worked, "the clock stands again");
}

/// Takes its time over each record.
#[derive(Debug)]
struct Slow(MemoryJournal);

impl Journal for Slow {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let taken = self.0.append(record);
        async move {
            sleep(10 * SECOND).await;
            taken.await
        }
        .boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}

/// It has not happened, but the one before it may have.
#[tokio::test(start_paused = true)]
async fn a_try_that_never_began_leaves_the_one_before_it_in_doubt() {
    let journal = MemoryJournal::new();
    let put = |cx: RunContext| async move {
        let lost = AgentError::new(maniple_core::Class::Indeterminate, "lost");
        let body = |(), _| async { Err::<(), _>(lost) };
        let ended = cx.step("put", Effect::Idempotent, (), body).await;
        (ended.unwrap_err().class(), cx.in_doubt())
    };
    let in_doubt = vec![Key::new("/agent/put")];
    let run = reopen(&journal).await;
    let (_, doubts) = put(run.context().child("agent")).await;
    assert_eq!(doubts, in_doubt);

    let run = Run::builder("test").with_journal(Slow(journal)).open().await.unwrap();
    let (ended, ()) = tokio::join!(put(run.context().child("agent")), async {
        sleep(SECOND).await;
        run.cancel();
    });
    assert_eq!(ended, (maniple_core::Class::Cancelled, in_doubt));
}
