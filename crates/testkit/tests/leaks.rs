//! What leaks is found, and what does not leak is not accused.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{BaseAgent, Budget, Effect, Lease, Run, RunContext, Scope, agent_fn};
use maniple_testkit::{Leak, leaks_nothing};

const BUDGET: Budget = Budget { tokens: 100, cost_micros: u64::MAX, calls: 10 };

async fn open() -> Run {
    Run::builder("test").with_budget(BUDGET).open().await.unwrap()
}

async fn check(agent: impl BaseAgent<Input = (), Output = ()>) -> Result<(), Leak> {
    leaks_nothing(|| async {
        let run = open().await;
        run.execute(agent, ()).await.unwrap();
        run
    })
    .await
}

/// Does some of everything, and keeps nothing.
fn tidy() -> impl BaseAgent<Input = (), Output = ()> {
    agent_fn("tidy", |(): (), cx: RunContext| async move {
        let share = cx.child("share").with_budget(Budget { calls: 3, ..Budget::ZERO })?;
        let one = Effect::Idempotent.reserving(Budget { calls: 1, ..Budget::ZERO });
        share.step("ask", one, (), |(), _| async move { Ok(()) }).await?;
        let mut scope = Scope::open(&cx)?;
        let child = scope.child_at(0);
        scope.spawn(child, |_| async { Ok(()) });
        while let Some(done) = scope.next().await {
            done.result?;
        }
        scope.close().await;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_keeps_nothing_leaks_nothing() {
    check(tidy()).await.unwrap();
    leaks_nothing(|| async { vec![open().await, open().await] }).await.unwrap();
    leaks_nothing(|| async { drop(open().await) }).await.unwrap();
}

#[tokio::test]
async fn nor_does_it_where_the_clock_runs() {
    check(tidy()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_are_looked_at_alike() {
    check(tidy()).await.unwrap();
    let secret = agent_fn("secret", |(): (), _| async move {
        drop(tokio::spawn(pending::<()>()));
        Ok(())
    });
    assert!(matches!(check(secret).await, Err(Leak::Tasks { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_half_way_leaks_nothing() {
    let waits = agent_fn("waits", |(): (), cx: RunContext| async move {
        let mut scope = Scope::open(&cx)?;
        for at in 0..3 {
            let child = scope.child_at(at);
            scope.spawn(child, |_| pending::<Result<(), _>>());
        }
        scope.next().await;
        Ok(())
    });
    leaks_nothing(|| async {
        let run = open().await;
        let dropped = tokio::time::timeout(Duration::from_secs(1), run.execute(waits, ())).await;
        dropped.expect_err("it waits for ever");
        run
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_spawned_in_secret_is_found() {
    let secret = agent_fn("secret", |(): (), _| async move {
        drop(tokio::spawn(pending::<()>()));
        Ok(())
    });
    let leak = check(secret).await.unwrap_err();
    assert_eq!(leak, Leak::Tasks { before: 0, alive: 1 });
    assert!(leak.to_string().starts_with("1 tasks are alive, 0 were before"), "{leak}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_task_that_never_rests_is_found_too() {
    let busy = agent_fn("busy", |(): (), _| async move {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        Ok(())
    });
    assert_eq!(check(busy).await, Err(Leak::Tasks { before: 0, alive: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_soon_is_none() {
    let slow = agent_fn("slow", |(): (), _| async move {
        drop(tokio::spawn(tokio::time::sleep(Duration::from_millis(100))));
        Ok(())
    });
    check(slow).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_kept_is_found() {
    let kept: Arc<Mutex<Vec<Lease>>> = Arc::default();
    let keeps = kept.clone();
    let grants = agent_fn("grants", move |(): (), cx: RunContext| {
        let keeps = keeps.clone();
        async move {
            let lease = cx.lease().grant(Budget { calls: 2, ..Budget::ZERO }).unwrap();
            keeps.lock().unwrap().push(lease);
            Ok(())
        }
    });
    let leak = check(grants).await.unwrap_err();
    let calls = Budget { calls: 2, ..Budget::ZERO };
    assert!(
        matches!(leak, Leak::Budget { granted, reserved, .. }
            if granted == calls && reserved.is_zero()),
        "{leak}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reservation_that_is_kept_is_found() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeps = kept.clone();
    let reserves = agent_fn("reserves", move |(): (), cx: RunContext| {
        let keeps = keeps.clone();
        async move {
            keeps.lock().unwrap().push(cx.lease().reserve(Budget::tokens(30)).unwrap());
            Ok(())
        }
    });
    let leak = check(reserves).await.unwrap_err();
    assert!(
        matches!(leak, Leak::Budget { granted, reserved, .. }
            if granted.is_zero() && reserved == Budget::tokens(30)),
        "{leak}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_kept_is_found() {
    let kept: Arc<Mutex<Vec<RunContext>>> = Arc::default();
    let keeps = kept.clone();
    let keeps = agent_fn("keeps", move |(): (), cx: RunContext| {
        let keeps = keeps.clone();
        async move {
            keeps.lock().unwrap().push(cx);
            Ok(())
        }
    });
    let leak = check(keeps).await.unwrap_err();
    assert!(matches!(leak, Leak::Context { .. }), "{leak}");
    drop(kept);
}
