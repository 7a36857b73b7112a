//! Row *cancel*.

use std::time::Duration;

use maniple_core::{BaseAgent, Class, Effect, Fact, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Crash, Process};
use tokio::time::Instant;

use crate::common::*;

/// How the second of three steps meets the cancellation that it asks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    /// It takes so long, and does not look.
    Takes(Duration),
    /// It ends before the run is cancelled.
    Before,
}

/// Three irreversible steps; during the second, the first process is cancelled.
fn three(process: Process, second: Second) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    agent_fn("three", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let first_process = process.number() == 0;
            let n = add_one(&cx, &process, "a", Effect::Irreversible, n).await?;
            let inner = process.clone();
            let n = cx
                .step("b", Effect::Irreversible, n, |n, step| async move {
                    let result = inner.perform(&step, || Ok(n + 1)).await;
                    if first_process {
                        inner.cancel_run();
                        if let Second::Takes(time) = second {
                            tokio::time::sleep(time).await;
                        }
                    }
                    result
                })
                .await?;
            if second == Second::Before {
                // The cancellation is taken in before the next step.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            add_one(&cx, &process, "c", Effect::Irreversible, n).await
        }
    })
}

const QUICK: Second = Second::Takes(Duration::from_secs(1));
const ENDLESS: Second = Second::Takes(Duration::from_secs(3600));

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    // A step in flight has the grace to end; no step begins after it.
    let machine = new_machine(1);
    let cancelled = boot(&machine, |p| three(p, QUICK), 1).await;
    assert_eq!(class(&cancelled), Some(Class::Cancelled));
    assert_eq!(count(&machine, "/three/b", Kind::Receipt), 1);
    assert_eq!(machine.world().executions("/three/c"), 0);
    // One that does not end is aborted, in the time of one grace.
    let machine = new_machine(1);
    let began = Instant::now();
    let cancelled = boot(&machine, |p| three(p, ENDLESS), 1).await;
    assert_eq!(class(&cancelled), Some(Class::Cancelled));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    // Cancelled, then killed before the next intent: being cancelled is no outcome.
    let machine = new_machine(2);
    crash(&machine, before("/three/b", Kind::Receipt), |p| three(p, QUICK), 1).await;
    assert!(machine.records().iter().all(|r| !matches!(r.fact, Fact::Finished { .. })));
    assert_eq!(machine.world().executions("/three/c"), 0);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // Aborted between intent and receipt: in doubt, as after a crash.
    let machine = new_machine(3);
    assert_eq!(class(&boot(&machine, |p| three(p, ENDLESS), 1).await), Some(Class::Cancelled));
    assert_eq!(count(&machine, "/three/b", Kind::Intent), 1);
    assert_eq!(count(&machine, "/three/b", Kind::Receipt), 0);
    let resumed = boot(&machine, |p| three(p, ENDLESS), 1).await;
    assert_eq!(class(&resumed), Some(Class::Parked));
    assert_eq!(machine.world().executions("/three/b"), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    let machine = new_machine(4);
    crash(&machine, after("/three/b", Kind::Receipt), |p| three(p, QUICK), 1).await;
    assert_eq!(boot(&machine, |p| three(p, QUICK), 1).await.unwrap(), 4);
    assert_eq!(machine.world().executions("/three/b"), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    let machine = new_machine(5);
    let cancelled = boot(&machine, |p| three(p, Second::Before), 1).await;
    assert_eq!(class(&cancelled), Some(Class::Cancelled));
    // A cancelled run still answers what it has: the replay does not ask whether it may go on.
    let build = |process: Process| {
        process.cancel_run();
        agent_fn("three", move |n: u64, cx| {
            let process = process.clone();
            async move {
                cx.cancelled().await;
                let n = add_one(&cx, &process, "a", Effect::Irreversible, n).await?;
                add_one(&cx, &process, "b", Effect::Irreversible, n).await
            }
        })
    };
    assert_eq!(boot(&machine, build, 1).await.unwrap(), 3);
    check(&machine);

    let machine = new_machine(5);
    assert!(boot(&machine, |p| three(p, Second::Before), 1).await.is_err());
    assert_eq!(
        boot(&machine, |p| three(p, Second::Before), 1).await.unwrap(),
        4,
        "as if never cancelled"
    );
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        let build = |p: Process| {
            let inner = MapReduce::collect("inner", three(p, QUICK)).with_concurrency(3).durable();
            MapReduce::collect("outer", inner).with_concurrency(2).durable()
        };
        let inputs = vec![vec![1, 2, 3], vec![4, 5, 6]];
        let began = Instant::now();
        let cancelled =
            machine.boot(Crash::never(), |run| run, build, inputs.clone()).await.result();
        assert_eq!(class(&cancelled), Some(Class::Cancelled));
        assert!(began.elapsed() < Duration::from_secs(6), "one grace for the whole tree");
        assert_eq!(boot(&machine, build, inputs).await.unwrap(), [[4, 5, 6], [7, 8, 9]]);
        check(&machine);
    }
}
