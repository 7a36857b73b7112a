//! Deadlines: nothing begins after one, and what runs is told, given its grace and ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{cases, open, paused, settle};
use futures::future::pending;
use maniple_core::{AgentError, Class, Effect, Run, RunContext, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};

use crate::common;

const SECOND: Duration = Duration::from_secs(1);

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_step_starts_after_the_deadline(
        deadline in 1..20_u32,
        steps in prop::collection::vec(0..6_u32, 1..8),
        tasks in 1..4_u64,
    ) {
        paused().block_on(async {
            let run = open(Run::builder("steps").with_deadline(deadline * SECOND)).await;
            let began = Instant::now();
            let starts = Arc::new(Mutex::new(Vec::new()));
            let (log, total) = (starts.clone(), steps.iter().sum::<u32>());
            let agent = agent_fn("steps", move |(), cx: RunContext| {
                let (log, steps) = (log.clone(), steps.clone());
                async move {
                    let mut scope = Scope::open(&cx)?;
                    for task in 0..tasks {
                        let (log, steps, child) = (log.clone(), steps.clone(), scope.child_at(task));
                        scope.spawn(child, |cx: RunContext| work(cx, steps, log));
                    }
                    let mut result = Ok(());
                    while let Some(done) = scope.next().await {
                        result = result.and(done.result);
                    }
                    scope.close().await;
                    result
                }
            });
            let result = run.execute(agent, ()).await;
            for start in starts.lock().unwrap().iter() {
                let at = start.duration_since(began);
                prop_assert!(at < deadline * SECOND, "a step started at {at:?}");
            }
            if total > deadline + 6 {
                prop_assert_eq!(result.unwrap_err().class(), Class::DeadlineExceeded);
            } else if total < deadline {
                prop_assert!(result.is_ok());
            }
            Ok(())
        })?;
    }
}

/// Takes steps of so many seconds each and writes down when their bodies began.
async fn work(
    cx: RunContext,
    steps: Vec<u32>,
    starts: Arc<Mutex<Vec<Instant>>>,
) -> Result<(), AgentError> {
    for seconds in steps {
        let starts = starts.clone();
        let body = |seconds: u32, _| async move {
            starts.lock().unwrap().push(Instant::now());
            sleep(seconds * SECOND).await;
            Ok(())
        };
        cx.step("work", Effect::Pure, seconds, body).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_goes_on_after_the_deadline_is_told_then_aborted_with_its_class() {
    let run = open(Run::builder("late")).await;
    let cx = run.context().child("narrow").with_deadline(10 * SECOND);
    let mut scope: Scope<()> = Scope::open(&cx).unwrap().with_grace(3 * SECOND);
    let told = Arc::new(Mutex::new(None));
    let (when, began, child) = (told.clone(), Instant::now(), scope.child("task"));
    scope.spawn(child, move |cx: RunContext| async move {
        cx.cancelled().await;
        *when.lock().unwrap() = Some(began.elapsed());
        pending().await
    });
    let error = scope.next().await.unwrap().result.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert_eq!(told.lock().unwrap().unwrap().as_secs(), 10);
    assert_eq!(began.elapsed().as_secs(), 13);
    scope.close().await;
    // The context that was narrowed has a deadline, the one above it has not.
    run.context().step("on", Effect::Pure, (), |(), _| async { Ok(()) }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_for_more_after_it_was_told_hears_of_the_deadline() {
    let run = open(Run::builder("asks").with_deadline(10 * SECOND)).await;
    let agent = agent_fn("asks", |(), cx: RunContext| async move {
        cx.cancelled().await;
        cx.step("more", Effect::Pure, (), |(), _| async { Ok(()) }).await
    });
    let error = run.execute(agent, ()).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded, "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_an_inner_scope_settles_before_the_deadline_aborts_it() {
    for levels in 1..5 {
        let run = open(Run::builder("levels").with_deadline(10 * SECOND)).await;
        let agent = agent_fn("level", move |(), cx| level(cx, levels));
        let began = Instant::now();
        assert_eq!(run.execute(agent, ()).await.ok(), Some(levels));
        let took = began.elapsed();
        assert!(took <= 16 * SECOND, "one grace after the deadline, not {took:?}");
    }
}

/// Scopes in each other around a task that never ends; each owner counts itself once that is over.
fn level(
    cx: RunContext,
    levels: usize,
) -> futures::future::BoxFuture<'static, Result<usize, AgentError>> {
    Box::pin(async move {
        if levels == 0 {
            return pending().await;
        }
        let mut scope = Scope::open(&cx)?;
        let child = scope.child("inner");
        scope.spawn(child, move |cx| level(cx, levels - 1));
        let done = scope.next().await;
        scope.close().await;
        Ok(1 + done.and_then(|done| done.result.ok()).unwrap_or(0))
    })
}

#[tokio::test(start_paused = true)]
async fn a_deadline_passes_while_tasks_come_and_go() {
    let run = open(Run::builder("busy").with_deadline(10 * SECOND)).await;
    let mut scope = Scope::open(&run.context()).unwrap();
    let idle = scope.child("idle");
    scope.spawn(idle, |cx: RunContext| async move {
        cx.cancelled().await;
        Ok("told")
    });
    // Some task has always ended already when the owner asks for the next one.
    for item in 0..1000 {
        let child = scope.child_at(item);
        scope.spawn(child, |_| async { Ok("item") });
        advance(SECOND / 10).await;
        settle().await;
        let done = scope.next().await.unwrap();
        if done.result.unwrap() == "told" {
            return;
        }
    }
    panic!("ten times the deadline has passed");
}
