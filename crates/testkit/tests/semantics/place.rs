//! Rules that are not about a crash at a certain place: names, digests, scopes, versions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use maniple_core::{AgentError, Class, Effect, RunContext, Scope, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Crash, Moment, Process};
use tokio::sync::Notify;

use crate::common::*;

#[tokio::test(start_paused = true)]
pub(crate) async fn a_step_inside_a_step_is_refused() {
    let build = |process: Process| {
        agent_fn("outer", move |n: u64, cx| {
            let (process, inner) = (process.clone(), cx.clone());
            async move {
                cx.step("step", Effect::Pure, n, |n, _| async move {
                    add_one(&inner, &process, "inner", Effect::Pure, n).await
                })
                .await
            }
        })
    };
    let machine = new_machine(1);
    let error = boot(&machine, build, 1).await.unwrap_err();
    assert!(matches!(error, AgentError::NestedStep { .. }), "{error}");
    assert!(machine.world().effects().is_empty());
    assert_eq!(count(&machine, "/outer/step", Kind::Receipt), 0, "a mistake is no outcome");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn names_cannot_meet() {
    // Two places that would be one, were the slash in the name not escaped.
    let build = |process: Process| {
        agent_fn("names", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let a = add_one(&cx.child("a/b"), &process, "step", Effect::Pure, n).await?;
                let b =
                    add_one(&cx.child("a").child("b"), &process, "step", Effect::Pure, a).await?;
                Ok(a + b)
            }
        })
    };
    let machine = new_machine(1);
    assert_eq!(boot(&machine, build, 1).await.unwrap(), 5);
    assert_eq!(machine.world().effects().len(), 2);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn keyed_children_keep_their_names() {
    // The inputs come in another order on resume; each finds its own result under its key.
    let build = |process: Process| {
        let one = agent_fn("one", move |n: u64, cx| {
            let process = process.clone();
            async move { add_one(&cx, &process, "step", Effect::Irreversible, n).await }
        });
        MapReduce::collect("map", one).with_concurrency(1).key_by(|n| format!("item {n}")).durable()
    };
    let machine = new_machine(1);
    crash(&machine, Crash::at(6, Moment::Before), build, vec![1, 2, 3]).await;
    assert_eq!(boot(&machine, build, vec![3, 2, 1]).await.unwrap(), [4, 3, 2]);
    for n in [1, 2, 3] {
        assert_eq!(machine.world().executions(&format!("/map[item {n}]/step")), 1);
    }
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn digests_do_not_depend_on_the_order_of_a_map() {
    let build = |_: Process| {
        agent_fn("map", |(): (), cx| async move {
            // A new hash map has a new order in every process.
            let input: HashMap<u32, u32> = (0..64).map(|n| (n, n)).collect();
            cx.step("step", Effect::Idempotent, input, |input, _| async move { Ok(input.len()) })
                .await
        })
    };
    let machine = new_machine(1);
    crash(&machine, after("/map/step", Kind::Receipt), build, ()).await;
    assert_eq!(boot(&machine, build, ()).await.unwrap(), 64);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn decisions_are_made_once() {
    let build = |process: Process| {
        agent_fn("choose", move |(): (), cx| {
            let process = process.clone();
            async move {
                let winner = cx.decide("winner", || process.number()).await?;
                add_one(&cx, &process, "act", Effect::Pure, winner).await
            }
        })
    };
    let machine = new_machine(1);
    crash(&machine, after("/choose/act", Kind::Receipt), build, ()).await;
    assert_eq!(boot(&machine, build, ()).await.unwrap(), 1, "as the first process decided");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn versions_are_pinned() {
    // Recorded before the version existed: 0. Started after it: the latest, and then always that.
    let old = |process: Process| two_steps(process, Effect::Idempotent);
    let new = |latest: u32| {
        move |process: Process| {
            agent_fn("two", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    let version = cx.version("greeting", latest).await?;
                    let n = add_one(&cx, &process, "first", Effect::Idempotent, n).await?;
                    Ok(n + u64::from(version) * 100)
                }
            })
        }
    };
    let before = new_machine(1);
    crash(&before, after("/two/first", Kind::Receipt), old, 1).await;
    assert_eq!(boot(&before, new(1), 1).await.unwrap(), 2);
    assert_eq!(boot(&before, new(2), 1).await.unwrap(), 2);

    let fresh = new_machine(1);
    crash(&fresh, after("/two/first", Kind::Intent), new(1), 1).await;
    assert_eq!(boot(&fresh, new(2), 1).await.unwrap(), 102);
    // Code that is older than the run says so.
    let ahead = new_machine(1);
    crash(&ahead, after("/two/first", Kind::Intent), new(2), 1).await;
    assert_eq!(class(&boot(&ahead, new(1), 1).await), Some(Class::Diverged));
}

struct SetOnDrop(Arc<AtomicBool>, #[expect(dead_code, reason = "held")] Arc<()>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Scopes in scopes, so many that taking them down takes the runtime several turns.
fn nest(
    cx: RunContext,
    depth: u32,
    started: Arc<Notify>,
    gone: Arc<AtomicBool>,
) -> BoxFuture<'static, Result<(), AgentError>> {
    async move {
        let _gone = (depth == 0).then(|| SetOnDrop(gone.clone(), Arc::default()));
        let mut scope = Scope::open(&cx)?;
        if depth > 0 {
            let child = scope.child("below");
            scope.spawn(child, move |cx| nest(cx, depth - 1, started, gone));
        } else {
            started.notify_one();
        }
        std::future::pending().await
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn scopes_wait_for_what_dropped_scopes_left() {
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    let mut outer = Scope::open(&run.context()).unwrap();
    let child = outer.child("outer");
    outer.spawn(child, {
        let gone = gone.clone();
        move |cx| async move {
            let started = Arc::new(Notify::new());
            let mut inner = Scope::open(&cx)?;
            let child = inner.child("inner");
            inner.spawn(child, {
                let started = started.clone();
                move |cx| nest(cx, 200, started, gone)
            });
            started.notified().await;
            // Dropped with all its tasks alive, and the one around it ends at once.
            Ok(())
        }
    });
    assert!(outer.next().await.unwrap().result.is_ok());
    outer.close().await;
    assert!(gone.load(Ordering::Relaxed), "a descendant was alive when its scope had ended");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn quiesce_waits_for_dropped_runs() {
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    let endless = agent_fn("endless", {
        let gone = gone.clone();
        move |(): (), _cx| {
            let gone = gone.clone();
            async move {
                let _gone = SetOnDrop(gone, Arc::default());
                std::future::pending::<Result<(), AgentError>>().await
            }
        }
    });
    let executing = run.execute(endless, ());
    assert!(tokio::time::timeout(Duration::from_millis(1), executing).await.is_err());
    run.quiesce().await;
    assert!(gone.load(Ordering::Relaxed), "a task was alive after quiesce");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inner_scopes_settle_before_outer_ones_abort() {
    let settled = Arc::new(AtomicBool::new(false));
    let build = |process: Process| {
        let settled = settled.clone();
        agent_fn("outer", move |(): (), cx| {
            let (settled, process) = (settled.clone(), process.clone());
            async move {
                // Its own grace is longer than what is left to the scopes around it.
                let mut inner = Scope::open(&cx)?.with_grace(Duration::from_secs(60));
                let child = inner.child("endless");
                inner.spawn(child, |_| std::future::pending::<Result<(), AgentError>>());
                process.cancel_run();
                let error = inner.next().await.map(|done| done.result);
                inner.close().await;
                settled.store(true, Ordering::Relaxed);
                error.unwrap_or(Ok(()))
            }
        })
    };
    assert_eq!(class(&boot(&new_machine(1), build, ()).await), Some(Class::Cancelled));
    assert!(settled.load(Ordering::Relaxed), "the outer scope aborted what was still settling");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_settled_scope_leaves_open_is_closed() {
    // One branch fails for good while another is between intent and receipt, and will not end.
    let build = |effect: Effect| {
        move |process: Process| {
            let one = agent_fn("one", move |fails: bool, cx| {
                let process = process.clone();
                async move {
                    if fails {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        return Err(AgentError::permanent("no"));
                    }
                    cx.step("stuck", effect, (), |(), step| async move {
                        process.perform(&step, || Ok(())).await?;
                        std::future::pending::<Result<(), AgentError>>().await
                    })
                    .await
                }
            });
            MapReduce::collect("map", one).with_concurrency(2).durable()
        }
    };
    for (effect, expected) in
        [(Effect::Idempotent, Class::Permanent), (Effect::Irreversible, Class::Parked)]
    {
        let machine = new_machine(1);
        let build = build(effect);
        for _ in 0..2 {
            let ended = boot(&machine, build, vec![true, false]).await;
            assert_eq!(class(&ended), Some(expected), "{effect}");
        }
        let open = |key: &str| {
            let of = |r: &&maniple_core::Record| r.key.as_str() == key;
            let records = machine.records();
            let last = records.iter().rfind(of).map(|r| r.fact.clone());
            !matches!(last, Some(maniple_core::Fact::Abandoned))
        };
        assert_eq!(open("/map[1]/stuck"), expected == Class::Parked);
        assert!(!open("/map[1]"), "nobody enters it again");
        check(&machine);
    }
}
