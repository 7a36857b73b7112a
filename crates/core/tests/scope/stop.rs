//! Stopping: the grace, the abort after it, and one instant for the whole tree.

use std::collections::BTreeSet;
use std::time::Duration;

use common::{cases, open, paused, settle};
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use maniple_core::{AgentError, Class, Run, RunContext, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use crate::common;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// How a task ends that needs some time to clean up after it was asked to stop, and when.
async fn clean_up(grace: Duration, needed: Duration) -> (Result<u8, AgentError>, Duration) {
    let run = open(Run::builder("grace")).await;
    let mut scope = Scope::open(&run.context()).unwrap().with_grace(grace);
    let cx = scope.child("task");
    scope.spawn(cx, move |cx: RunContext| async move {
        cx.cancelled().await;
        sleep(needed).await;
        Ok(7)
    });
    settle().await;
    let asked = Instant::now();
    scope.stop();
    let done = scope.next().await.unwrap();
    assert_eq!(scope.close().await, 0);
    (done.result, asked.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_within_the_grace_has_its_own_result() {
    let (result, took) = clean_up(5 * SECOND, 3 * SECOND).await;
    assert_eq!(result.unwrap(), 7);
    assert_eq!(took.as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_is_aborted_at_the_end_of_the_grace() {
    let (result, took) = clean_up(5 * SECOND, 7 * SECOND).await;
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ignores_cancel_is_aborted() {
    let (result, took) = clean_up(Duration::ZERO, HOUR).await;
    assert!(matches!(result, Err(AgentError::Cancelled { key }) if key.as_str() == "/task"));
    assert!(took < SECOND);
}

/// Scopes in each other, each with a grace of its own, around a task that ignores cancel. Every
/// owner waits for its one task and then returns the depth that it knows of.
fn nest(cx: RunContext, graces: Vec<Duration>) -> BoxFuture<'static, Result<usize, AgentError>> {
    async move {
        let Some((grace, inner)) = graces.split_first() else {
            return pending().await;
        };
        let mut scope = Scope::open(&cx)?.with_grace(*grace);
        let (child, inner) = (scope.child("inner"), inner.to_vec());
        scope.spawn(child, move |cx| nest(cx, inner));
        let done = scope.next().await;
        scope.close().await;
        // The innermost task was aborted; every owner above still has the time to say so.
        let below = done.map(|done| done.result);
        Ok(1 + below.and_then(Result::ok).unwrap_or(0))
    }
    .boxed()
}

/// Cancels a nest and gives back its result and how long it took to end.
async fn cancel_nest(run: &Run, graces: Vec<Duration>) -> (Result<usize, AgentError>, Duration) {
    let agent = agent_fn("nest", move |(), cx| nest(cx, graces.clone()));
    let cancel = async {
        settle().await;
        run.cancel();
        Instant::now()
    };
    let (result, asked) = futures::join!(run.execute(agent, ()), cancel);
    (result, asked.elapsed())
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn nested_scopes_end_within_one_grace_and_each_owner_settles(
        graces in prop::collection::vec((1..10_u64).prop_map(Duration::from_secs), 0..6),
    ) {
        paused().block_on(async {
            let run = open(Run::builder("nest").with_grace(SECOND)).await;
            let depth = graces.len();
            let (result, took) = cancel_nest(&run, graces).await;
            prop_assert!(took <= SECOND + SECOND / 10, "it took {took:?}");
            match result {
                Ok(settled) => prop_assert_eq!(settled, depth),
                Err(error) => {
                    prop_assert_eq!(depth, 0, "an owner was aborted before it settled");
                    prop_assert_eq!(error.class(), Class::Cancelled);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn next_loses_nothing_when_it_is_dropped(
        yields in prop::collection::vec(0..6_usize, 0..12),
        polls in prop::collection::vec(1..4_usize, 1..6),
    ) {
        paused().block_on(async {
            let run = open(Run::builder("next")).await;
            let mut scope = Scope::open(&run.context()).unwrap();
            let tasks = yields.len();
            for (index, times) in yields.into_iter().enumerate() {
                let cx = scope.child_at(index as u64);
                scope.spawn(cx, move |_| async move {
                    for _ in 0..times {
                        tokio::task::yield_now().await;
                    }
                    Ok(index)
                });
            }
            let mut returned = BTreeSet::new();
            'scope: for polls in polls.into_iter().cycle() {
                let mut next = std::pin::pin!(scope.next());
                for _ in 0..polls {
                    match futures::poll!(&mut next) {
                        std::task::Poll::Ready(Some(done)) => {
                            prop_assert_eq!(done.result.unwrap(), done.index);
                            prop_assert!(returned.insert(done.index));
                            break;
                        }
                        std::task::Poll::Ready(None) => break 'scope,
                        std::task::Poll::Pending => tokio::task::yield_now().await,
                    }
                }
            }
            prop_assert_eq!(returned.len(), tasks);
            prop_assert!(scope.is_empty());
            Ok(())
        })?;
    }
}

/// Whether the owner of an inner scope with a long grace settles when the outer one has a short one.
async fn inner_owner_settles(run: &Run) -> bool {
    let (result, _) = cancel_nest(run, vec![HOUR, HOUR]).await;
    result.is_ok_and(|settled| settled == 2)
}

#[tokio::test(start_paused = true)]
async fn an_inner_scope_has_settled_before_the_outer_one_aborts_it() {
    let run = open(Run::builder("instant").with_grace(SECOND)).await;
    assert!(inner_owner_settles(&run).await);
}

#[cfg(feature = "broken")]
#[tokio::test(start_paused = true)]
async fn an_abort_instant_of_its_own_is_caught() {
    use maniple_core::Rule;
    let builder = Run::builder("broken").with_grace(SECOND);
    let run = open(builder.breaking(Rule::SharedAbortInstant)).await;
    assert!(!inner_owner_settles(&run).await);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_fed_while_it_stops_ends() {
    let run = open(Run::builder("fed")).await;
    let mut scope: Scope<()> = Scope::open(&run.context()).unwrap().with_grace(SECOND);
    let cx = scope.child_at(0);
    scope.spawn(cx, |_| pending());
    scope.stop();
    let ended = timeout(HOUR, async {
        let mut ended = 0;
        while let Some(done) = scope.next().await {
            assert_eq!(done.result.unwrap_err().class(), Class::Cancelled);
            ended += 1;
            if ended < 4 {
                // As an owner does that starts the next item whenever one has ended.
                let cx = scope.child_at(ended);
                scope.spawn(cx, |_| pending());
            }
        }
        ended
    });
    assert_eq!(ended.await, Ok(4), "a task that came after the abort is never aborted");
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn closing_a_scope_without_tasks_takes_no_time() {
    let run = open(Run::builder("empty")).await;
    let began = Instant::now();
    let scope: Scope<()> = Scope::open(&run.context()).unwrap();
    assert_eq!(scope.close().await, 0);
    assert_eq!(began.elapsed(), Duration::ZERO);
}
