//! Doing something again: in another attempt, by executing again, in a scope that is being stopped.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryFutureExt;
use futures::future::join;
use maniple_core::{AgentError, Class, Delivery, Effect, Key, RunContext, Scope, agent_fn};
use maniple_testkit::Process;

use crate::common::*;

const ONCE: NonZeroU32 = NonZeroU32::MIN;
const TWICE: NonZeroU32 = NonZeroU32::new(2).unwrap();
const SECOND: Duration = Duration::from_secs(1);

async fn ask(cx: RunContext, n: u32) -> Result<(u32, u32), AgentError> {
    let asked = cx.step("ask", Effect::Irreversible, (), |(), _| async move { Ok(n) }).await?;
    Ok((asked, cx.decide("pick", || n).await?))
}

#[tokio::test(start_paused = true)]
pub(crate) async fn attempts_have_places_of_their_own() {
    // The same names, beside the attempts and in two that follow each other: three places.
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let beside = ask(cx.clone(), 1).await?;
            let first = cx.attempts("tries", ONCE, |cx| ask(cx, 2)).await?;
            let second = cx.attempts("tries", ONCE, |cx| ask(cx, 3)).await?;
            Ok([beside, first, second])
        })
    };
    let machine = new_machine(1);
    // Once live, once replayed.
    for _ in 0..2 {
        assert_eq!(boot(&machine, build, ()).await.unwrap(), [(1, 1), (2, 2), (3, 3)]);
    }
    // One approval is not taken for two.
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let approve = |cx: RunContext| async move { cx.signal::<u32>("approve").await };
            let first = cx.attempts("tries", ONCE, approve).await?;
            let second = cx.attempts("tries", ONCE, approve).await?;
            Ok([first, second])
        })
    };
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let (first, second) = (Key::new("/a/tries!approve"), Key::new("/a/tries#2!approve"));
    run.deliver(&first, &1).await.unwrap();
    assert_eq!(class(&boot(&machine, build, ()).await), Some(Class::Suspended));
    let run = machine.run().open().await.unwrap();
    assert_eq!(run.awaited_signals(), std::slice::from_ref(&second));
    run.deliver(&second, &2).await.unwrap();
    assert_eq!(boot(&machine, build, ()).await.unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn attempts_at_the_same_time_count_for_themselves() {
    // One that fails once and is slow, one that fails always.
    let build = |process: Process| {
        agent_fn("a", move |(): (), cx| {
            let process = process.clone();
            async move {
                let work = |process: Process, millis: u64, fails: usize| {
                    move |cx: RunContext| {
                        let process = process.clone();
                        async move {
                            let key = format!("{}/work", cx.path().as_str());
                            cx.step("work", Effect::Idempotent, (), |(), step| async move {
                                tokio::time::sleep(Duration::from_millis(millis)).await;
                                let failed = process.world().executions(&key) < fails;
                                let failure = || Err(AgentError::transient("failed"));
                                process
                                    .perform(&step, || if failed { failure() } else { Ok(1) })
                                    .await
                            })
                            .await
                        }
                    }
                };
                let once = cx.attempts("tries", TWICE, work(process.clone(), 20, 1));
                let always = cx.attempts("tries", TWICE, work(process, 10, usize::MAX));
                let (once, always) = join(once, always).await;
                Ok((recorded(once).ok(), recorded(always).ok()))
            }
        })
    };
    let (once, always) = ("/a/tries:%attempt", "/a/tries#2:%attempt");
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        assert_eq!(boot(&machine, build, ()).await.unwrap(), (Some(1), None));
        for at in [once, always] {
            let machine = new_machine(seed);
            crash(&machine, after(at, Kind::Decided), build, ()).await;
            assert_eq!(boot(&machine, build, ()).await.unwrap(), (Some(1), None), "{at}");
            check(&machine);
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn executing_again_goes_on_where_it_stopped() {
    let charged = Arc::new(AtomicUsize::new(0));
    let build = || {
        let charged = charged.clone();
        agent_fn("order", move |(): (), cx| {
            let charged = charged.clone();
            async move {
                cx.step("charge", Effect::Irreversible, (), |(), _| async move {
                    charged.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
                .await?;
                cx.signal::<String>("approval").await
            }
        })
    };
    // In one process, as it does in the next.
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    assert_eq!(class(&run.execute(build(), ()).await), Some(Class::Suspended));
    let approval = Key::new("/order!approval");
    assert_eq!(run.deliver(&approval, "yes").await.unwrap(), Delivery::Accepted);
    assert_eq!(run.execute(build(), ()).await.unwrap(), "yes");
    assert_eq!(charged.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_agent_that_ends_withdraws_no_signal_of_another() {
    let waits = || agent_fn("waits", |(): (), cx| async move { cx.signal::<u32>("go").await });
    let ends = agent_fn("ends", |(): (), _| async move { Ok(()) });
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    assert_eq!(class(&run.execute(waits(), ()).await), Some(Class::Suspended));
    run.execute(ends, ()).await.unwrap();
    let go = Key::new("/waits!go");
    assert_eq!(run.awaited_signals(), std::slice::from_ref(&go));
    assert_eq!(run.deliver(&go, &7).await.unwrap(), Delivery::Accepted);
    assert_eq!(run.execute(waits(), ()).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_task_spawned_after_the_abort_is_aborted() {
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let mut scope: Scope<()> = Scope::open(&run.context()).unwrap().with_grace(SECOND);
    let first = scope.child_at(0);
    scope.spawn(first, |_| pending());
    scope.stop();
    // As an owner does that starts the next item whenever one has ended.
    let ended = tokio::time::timeout(3600 * SECOND, async {
        let mut ended = 0;
        while let Some(done) = scope.next().await {
            assert_eq!(class(&done.result), Some(Class::Cancelled));
            ended += 1;
            if ended < 4 {
                let next = scope.child_at(ended);
                scope.spawn(next, |_| pending());
            }
        }
        ended
    });
    assert_eq!(ended.await, Ok(4), "a task that came after the abort was never aborted");
    assert_eq!(scope.close().await, 0);
    // Nothing is left that the run would wait for.
    tokio::time::timeout(3600 * SECOND, run.quiesce()).await.unwrap();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_scope_whose_tasks_always_end_sees_its_deadline() {
    let machine = new_machine(1);
    let run = machine.run().with_deadline(10 * SECOND).open().await.unwrap();
    // Right below the root, so that no scope around it sees the deadline for it.
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
        tokio::time::advance(SECOND / 10).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let ended = scope.next().await.map(|done| done.result);
        if matches!(ended, Some(Ok("told"))) {
            assert!((90..=150).contains(&item), "told after {item} tenths of a second");
            assert_eq!(scope.close().await, 0);
            return;
        }
    }
    panic!("ten times the deadline has passed");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn who_has_ended_is_no_zombie_however_late_it_is_asked_for() {
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let mut scope = Scope::open(&run.context()).unwrap().with_grace(Duration::from_millis(1));
    for n in 0..4_u64 {
        let child = scope.child_at(n);
        scope.spawn(child, move |cx| async move {
            cx.cancelled().await;
            Ok(n)
        });
    }
    scope.stop();
    for _ in 0..4 {
        // Far beyond the grace, and the time after which what was aborted counts as a zombie.
        tokio::time::sleep(SECOND).await;
        assert!(scope.next().await.unwrap().result.is_ok());
    }
    assert_eq!(scope.close().await, 0);
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_branch_that_outlives_the_one_around_it_stops_nothing_when_it_fails() {
    let leaking = agent_fn("a", |(): (), cx| async move {
        let b = cx.child("b");
        let inner = b.clone();
        let leaked = async move {
            let late = |()| async move {
                tokio::time::sleep(SECOND).await;
                Err::<(), _>(AgentError::transient("late"))
            };
            inner.child("inner").branch((), late).await
        };
        let work = |()| async move {
            drop(tokio::spawn(leaked));
            tokio::task::yield_now().await;
            Ok(())
        };
        b.branch((), work).await?;
        tokio::time::sleep(2 * SECOND).await;
        cx.step("next", Effect::Idempotent, (), |(), _| async move { Ok(()) }).await
    });
    let machine = new_machine(1);
    boot(&machine, |_| leaking, ()).await.expect("a leak of one branch stops nothing else");
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_outlives_its_branch_is_not_written_into_it() {
    let leaking = agent_fn("a", |(): (), cx| async move {
        let b = cx.child("b");
        let leaked = {
            let b = b.clone();
            async move {
                b.step("late", Effect::Idempotent, (), |(), _| async move {
                    tokio::time::sleep(SECOND).await;
                    Err::<(), _>(AgentError::transient("late"))
                })
                .await
            }
        };
        let leaked = b.branch((), |()| async move { Ok(tokio::spawn(leaked)) }.map_ok(drop)).await;
        leaked?;
        tokio::time::sleep(2 * SECOND).await;
        cx.step("next", Effect::Idempotent, (), |(), _| async move { Ok(()) }).await
    });
    let machine = new_machine(1);
    boot(&machine, |_| leaking, ()).await.expect("a leak of one branch stops nothing else");
    check(&machine);
}
