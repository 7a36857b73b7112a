//! A context that outlives its scope opens nothing any more.

use std::time::Duration;

use common::{open, settle};
use maniple_core::{
    AgentError, Class, Effect, Fact, MemoryJournal, Run, RunContext, Scope, agent_fn,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::common;

/// A context whose task and scope have ended.
async fn leak(run: &Run) -> RunContext {
    let mut scope = Scope::open(&run.context()).unwrap();
    let cx = scope.child("task");
    scope.spawn(cx, |cx: RunContext| async move { Ok(cx) });
    let leaked = scope.next().await.unwrap().result.unwrap();
    scope.close().await;
    leaked
}

#[tokio::test(start_paused = true)]
async fn a_leaked_context_opens_nothing() {
    let journal = MemoryJournal::new();
    let run = common::reopen(&journal).await;
    let leaked = leak(&run).await;
    let written = journal.records().len();
    for cx in [leaked.clone(), leaked.child("child"), leaked.with_extension(1)] {
        let errors = [
            Scope::<()>::open(&cx).err(),
            cx.step("step", Effect::Pure, (), |(), _| async { Ok(()) }).await.err(),
            cx.branch((), |()| async { Ok(()) }).await.err(),
            cx.signal::<()>("signal").await.err(),
            cx.decide("decision", || ()).await.err(),
            cx.version("version", 1).await.err(),
            cx.check_shape(&"shape").err(),
        ];
        for error in errors {
            assert_eq!(error.map(|error| error.class()), Some(Class::Cancelled));
        }
    }
    assert_eq!(journal.records().len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_leaked_context_does_not_keep_its_scope_from_ending() {
    let run = open(Run::builder("leak")).await;
    let (send, receive) = oneshot::channel();
    let send = std::sync::Mutex::new(Some(send));
    let agent = agent_fn("leaks", move |(), cx: RunContext| {
        let send = send.lock().unwrap().take();
        async move {
            let _ = send.expect("it runs once").send(cx);
            Ok(())
        }
    });
    let began = Instant::now();
    run.execute(agent, ()).await.unwrap();
    let leaked = receive.await.unwrap();
    run.quiesce().await;
    assert!(began.elapsed().is_zero(), "nothing had to be given up");
    assert_eq!(run.stats().zombies, 0);
    assert!(matches!(Scope::<()>::open(&leaked), Err(AgentError::Cancelled { .. })));
}

#[tokio::test(start_paused = true)]
async fn contexts_from_before_quiesce_are_dead_after_it() {
    let run = open(Run::builder("quiesce")).await;
    let before = run.context();
    run.quiesce().await;
    let step = |cx: RunContext| async move {
        cx.step("step", Effect::Pure, (), |(), _| async { Ok(()) }).await
    };
    assert_eq!(step(before).await.unwrap_err().class(), Class::Cancelled);
    assert!(step(run.context()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_scope_in_the_body_of_a_step_is_refused() {
    let run = open(Run::builder("nested")).await;
    let cx = run.context();
    let inner = cx.clone();
    let body = |(), _| async move { Scope::<()>::open(&inner).map(|_| ()) };
    let error = cx.step("step", Effect::Pure, (), body).await.unwrap_err();
    assert!(matches!(error, AgentError::NestedStep { .. }));
    settle().await;
}

/// A branch in a task that no scope owns, which ends after the branch around it has.
#[tokio::test(start_paused = true)]
async fn a_branch_that_outlives_the_one_around_it_leaves_no_receipt_in_it() {
    let leaking = agent_fn("a", |(): (), cx: RunContext| async move {
        let outer = cx.child("outer");
        let place = outer.clone();
        let leaked = async move {
            let late = |()| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            };
            place.child("inner").branch((), late).await
        };
        let work = |()| async move {
            let leaked = tokio::spawn(leaked);
            tokio::task::yield_now().await;
            drop(leaked);
            Ok(())
        };
        outer.branch((), work).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    });
    let journal = MemoryJournal::new();
    let run = Run::builder("leaked").with_journal(journal.clone()).open().await.unwrap();
    run.execute(leaking, ()).await.unwrap();
    let receipts: Vec<String> = journal
        .records()
        .into_iter()
        .filter(|record| matches!(record.fact, Fact::Receipt { .. }))
        .map(|record| record.key.to_string())
        .collect();
    assert_eq!(receipts, ["/a/outer"]);
}
