//! What was used, over crashes, retries and waiting: it is counted, and once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::pending;
use maniple_core::{
    AgentError, Budget, Class, Effect, Key, Reconciled, Run, RunBuilder, RunContext, agent_fn,
    reconciler_fn,
};
use maniple_orchestration::{MapReduce, Pipeline};
use maniple_testkit::{Crash, Machine, Process};

use crate::common::*;

const TWICE: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn limit(tokens: u64) -> impl Fn(RunBuilder) -> RunBuilder {
    move |run| run.with_budget(Budget::tokens(tokens))
}

/// The next process of a machine, with its run opened and nothing executed.
async fn open(machine: &Machine, tokens: u64) -> Run {
    limit(tokens)(machine.run()).open().await.unwrap()
}

/// What a new process finds left.
async fn left(machine: &Machine, tokens: u64) -> u64 {
    open(machine, tokens).await.context().remaining().tokens
}

/// A step that uses what it reserves.
async fn call(cx: &RunContext, name: &str, effect: Effect, n: u64) -> Result<u64, AgentError> {
    let options = effect.reserving(Budget::tokens(n));
    cx.step(name, options, n, |n, _| async move { Ok(n) }).await
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_reconciler_answered_keeps_its_reservation_spent() {
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move { call(&cx, "s", Effect::Irreversible, 60).await })
    };
    let machine = new_machine(1);
    let at = after("/a/s", Kind::Intent);
    assert!(machine.boot(at, limit(100), build, ()).await.is_crash());
    assert_eq!(left(&machine, 100).await, 40);
    let reconciler = reconciler_fn(|_| async { Reconciled::completed(&60_u64).unwrap() });
    let configure = |run| limit(100)(run).with_reconciler(reconciler);
    machine.boot(Crash::never(), configure, build, ()).await.result().unwrap();
    // Whatever was used before it was in doubt, no later process has it again.
    for _ in 0..2 {
        assert_eq!(left(&machine, 100).await, 40);
        machine.boot(Crash::never(), limit(100), build, ()).await.result().unwrap();
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_branch_with_a_budget_leaves_the_same_live_and_resumed() {
    for granted in [60, 80] {
        let build = move |_: Process| {
            agent_fn("a", move |(): (), cx| async move {
                let child = cx.child("c").with_budget(Budget::tokens(granted))?;
                child.branch((), |()| call(&child, "s", Effect::Idempotent, 40)).await?;
                drop(child);
                Ok(cx.remaining().tokens)
            })
        };
        let machine = new_machine(1);
        let live = machine.boot(Crash::never(), limit(100), build, ()).await.result();
        assert_eq!(live.unwrap(), 60);
        for at in [after("/a/c/s", Kind::Receipt), after("/a/c", Kind::Receipt)] {
            let machine = new_machine(1);
            assert!(machine.boot(at, limit(100), build, ()).await.is_crash());
            let resumed = machine.boot(Crash::never(), limit(100), build, ()).await.result();
            assert_eq!(resumed.unwrap(), 60, "of a grant of {granted}");
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn attempts_share_one_budget() {
    // The first attempt uses 60 of 100: the second has no 60 any more, whoever counts.
    let build = |process: Process| {
        agent_fn("a", move |(): (), cx| {
            let process = process.clone();
            async move {
                cx.attempts("tries", TWICE, |cx| {
                    let process = process.clone();
                    async move {
                        let cx = cx.with_budget(Budget::tokens(100))?;
                        let options = Effect::Idempotent.reserving(Budget::tokens(60));
                        cx.step("s", options, (), |(), step| async move {
                            let failure = || Err::<(), _>(AgentError::transient("failed"));
                            process.perform(&step, failure).await
                        })
                        .await
                    }
                })
                .await
            }
        })
    };
    let machine = new_machine(1);
    let live = machine.boot(Crash::never(), limit(1000), build, ()).await.result();
    assert_eq!(class(&live), Some(Class::BudgetExhausted));
    assert_eq!(machine.world().executions("/a/tries/s"), 1);
    let machine = new_machine(1);
    let at = after("/a/tries:%attempt", Kind::Decided);
    assert!(machine.boot(at, limit(1000), build, ()).await.is_crash());
    let resumed = machine.boot(Crash::never(), limit(1000), build, ()).await.result();
    assert_eq!(recorded(resumed), recorded(live));
    assert_eq!(machine.world().executions("/a/tries/s"), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_was_used_at_a_place_counts_for_its_later_leases() {
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let mut seen = Vec::new();
            for name in ["first", "second"] {
                let child = cx.child_at(0_u64).with_budget(Budget::tokens(100))?;
                seen.push((child.remaining().tokens, cx.lease().granted().tokens));
                let called = call(&child, name, Effect::Idempotent, 80).await;
                seen.push((called.is_ok().into(), cx.lease().overrun().tokens));
            }
            Ok(seen)
        })
    };
    let machine = new_machine(1);
    let ended = || machine.boot(Crash::never(), limit(200), build, ());
    // The second lease gets what the first has left of its 100, and no other 100.
    let live = ended().await.result().unwrap();
    assert_eq!(live, [(100, 100), (1, 0), (20, 20), (0, 0)]);
    assert_eq!(left(&machine, 200).await, 120);
    assert_eq!(ended().await.result().unwrap()[1..], [(1, 0), (20, 20), (0, 0)]);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_sibling_gets_nothing_that_an_earlier_process_used() {
    let first = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let child = cx.child_at(0_u64).with_budget(Budget::tokens(100))?;
            call(&child, "s", Effect::Idempotent, 80).await?;
            cx.signal::<u64>("wait").await
        })
    };
    let second = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let child = cx.child_at(0_u64).with_budget(Budget::tokens(100))?;
            // 80 of the child's 100 are used; all but its 100 is the sibling's.
            let sibling = cx.child("sibling");
            call(&sibling, "s", Effect::Idempotent, 100).await?;
            call(&child, "s", Effect::Idempotent, 80).await?;
            let more = call(&child, "more", Effect::Idempotent, 21).await;
            assert_eq!(class(&more), Some(Class::BudgetExhausted));
            call(&child, "rest", Effect::Idempotent, 20).await?;
            Ok((cx.remaining().tokens, cx.lease().overrun().tokens))
        })
    };
    let machine = new_machine(1);
    let suspended = machine.boot(Crash::never(), limit(200), first, ()).await.result();
    assert_eq!(class(&suspended), Some(Class::Suspended));
    assert_eq!(left(&machine, 200).await, 120);
    let ended = machine.boot(Crash::never(), limit(200), second, ()).await.result();
    assert_eq!(ended.unwrap(), (0, 0));
}

#[tokio::test(start_paused = true)]
pub(crate) async fn more_than_was_reserved_stays_counted() {
    // However the step that used it ended.
    let endings: [fn() -> Result<(), AgentError>; 3] = [
        || Ok(()),
        || Err(AgentError::permanent("declined")),
        || Err(AgentError::new(Class::Indeterminate, "lost")),
    ];
    for ending in endings {
        let agent = agent_fn("a", move |(): (), cx| async move {
            let options = Effect::Idempotent.reserving(Budget::tokens(10));
            cx.step("s", options, (), |(), step| async move {
                step.spend(Budget::tokens(90));
                ending()
            })
            .await
        });
        let machine = new_machine(1);
        let run = open(&machine, 100).await;
        let ended = run.execute(agent, ()).await;
        assert_eq!(run.context().remaining().tokens, 10, "{ended:?}");
        if class(&ended) != Some(Class::Indeterminate) {
            assert_eq!(left(&machine, 100).await, 10, "{ended:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_pure_step_that_spends_and_fails_goes_on() {
    let asked = Arc::new(AtomicUsize::new(0));
    let agent = agent_fn("a", move |(): (), cx| {
        let asked = asked.clone();
        async move {
            cx.attempts("tries", TWICE, |cx| {
                let asked = asked.clone();
                async move {
                    cx.step("ask", Effect::Pure, (), |(), step| async move {
                        step.spend(Budget::tokens(10));
                        match asked.fetch_add(1, Ordering::Relaxed) {
                            0 => Err(AgentError::transient("overloaded")),
                            _ => Ok(7),
                        }
                    })
                    .await
                }
            })
            .await
        }
    });
    let machine = new_machine(1);
    let run = open(&machine, 100).await;
    assert_eq!(run.execute(agent, ()).await.unwrap(), 7);
    assert_eq!(run.context().remaining().tokens, 80);
    assert_eq!(left(&machine, 100).await, 80);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_early_delivery_counts_nothing_twice() {
    let build = || {
        let one = agent_fn("one", |(): (), cx| async move {
            call(&cx, "s", Effect::Idempotent, 30).await?;
            cx.signal::<u64>("go").await
        });
        Pipeline::new("p", MapReduce::collect("m", one).durable()).durable()
    };
    for early in [false, true] {
        let machine = new_machine(1);
        let go = Key::new("/p/m[0]!go");
        let run = open(&machine, 100).await;
        if !early {
            assert_eq!(class(&run.execute(build(), vec![()]).await), Some(Class::Suspended));
        }
        run.deliver(&go, &1).await.unwrap();
        // What the root waits for holds nothing either.
        run.deliver(&Key::new("!other"), &1).await.unwrap();
        assert_eq!(open(&machine, 100).await.execute(build(), vec![()]).await.unwrap(), [1]);
        assert_eq!(left(&machine, 100).await, 70, "delivered early: {early}");
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_is_left_open_is_closed_once() {
    let one = agent_fn("one", |fails: bool, cx| async move {
        if fails {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            return Err(AgentError::permanent("no"));
        }
        let stuck = |(), _| pending::<Result<(), AgentError>>();
        cx.step("stuck", Effect::Irreversible, (), stuck).await
    });
    let map = MapReduce::collect("m", one).with_concurrency(2).durable();
    let (asked, machine) = (Arc::new(AtomicUsize::new(0)), new_machine(1));
    let reconciler = reconciler_fn({
        let asked = asked.clone();
        move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            async { Reconciled::completed(&()).unwrap() }
        }
    });
    let run = machine.run().with_reconciler(reconciler).open().await.unwrap();
    // A delivery ahead of everything else makes its branch known before it is entered.
    run.deliver(&Key::new("/m[1]!note"), &1).await.unwrap();
    let ended = run.execute(map, vec![true, false]).await;
    assert_eq!(class(&ended), Some(Class::Permanent));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    check(&machine);
}
