//! Row *retry*.

use std::num::NonZeroU32;

use maniple_core::{AgentError, BaseAgent, Class, Effect, RecordedError, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::Process;

use crate::common::*;

const MAX: NonZeroU32 = NonZeroU32::new(3).unwrap();
const FLAKY: &str = "/try/pay/flaky";
const SOLID: &str = "/try/pay/solid";

/// An irreversible step that succeeds and one that fails transiently as often as the input says,
/// tried at most three times.
fn trying(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("try", move |failures: u64, cx| {
        let process = process.clone();
        async move {
            let work = |cx: maniple_core::RunContext| {
                let process = process.clone();
                async move {
                    let n = add_one(&cx, &process, "solid", Effect::Irreversible, failures).await?;
                    let key = format!("{}/flaky", cx.path().as_str());
                    cx.step("flaky", Effect::Irreversible, n, |n, step| async move {
                        let before = process.world().executions(&key) as u64;
                        let fails = before < failures;
                        let failed = || AgentError::transient(format!("failure {}", before + 1));
                        process.perform(&step, || if fails { Err(failed()) } else { Ok(n) }).await
                    })
                    .await
                }
            };
            cx.attempts("pay", MAX, work).await
        }
    })
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    for (failures, executions) in [(0, 1), (1, 2), (2, 3)] {
        let machine = new_machine(1);
        assert_eq!(boot(&machine, trying, failures).await.unwrap(), failures + 1);
        assert_eq!(machine.world().executions(FLAKY), executions);
        assert_eq!(machine.world().executions(SOLID), 1, "what an attempt completed replays");
        check(&machine);
    }
    let machine = new_machine(1);
    assert_eq!(class(&boot(&machine, trying, 9).await), Some(Class::Transient));
    assert_eq!(machine.world().executions(FLAKY), 3, "attempts are at most three");
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    // Before the failed attempt is written down it does not count; the step's failure is known, so
    // the irreversible step is not in doubt.
    let machine = new_machine(2);
    crash(&machine, before("/try/pay:%attempt", Kind::Decided), trying, 1).await;
    assert_eq!(boot(&machine, trying, 1).await.unwrap(), 2);
    assert_eq!(machine.world().executions(FLAKY), 2);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // In the second attempt: the first one counts, and the step of the second is in doubt.
    let second = maniple_testkit::Crash::when({
        let seen = std::sync::atomic::AtomicUsize::new(0);
        move |_, record| {
            let second = is(record, FLAKY, Kind::Intent)
                && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1;
            second.then_some(maniple_testkit::Moment::Unacknowledged)
        }
    });
    let machine = new_machine(3);
    crash(&machine, second, trying, 2).await;
    assert_eq!(class(&boot(&machine, trying, 2).await), Some(Class::Parked));
    assert_eq!(machine.world().executions(FLAKY), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    // Each written failure counts, in whichever process it was: no crash adds an attempt.
    let machine = new_machine(4);
    crash(&machine, after("/try/pay:%attempt", Kind::Decided), trying, 9).await;
    crash(&machine, after("/try/pay:%attempt#2", Kind::Decided), trying, 9).await;
    assert_eq!(class(&boot(&machine, trying, 9).await), Some(Class::Transient));
    assert_eq!(machine.world().executions(FLAKY), 3);
    assert_eq!(machine.world().executions(SOLID), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // Used up attempts stay used up, with the same text.
    let machine = new_machine(5);
    let first = recorded(boot(&machine, trying, 9).await);
    let expected = RecordedError { class: Class::Transient, text: "failure 3".into() };
    assert_eq!(first, Err(expected));
    assert_eq!(recorded(boot(&machine, trying, 9).await), first);
    assert_eq!(machine.world().executions(FLAKY), 3);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let build = |p: Process| MapReduce::collect("map", trying(p)).with_concurrency(3).durable();
        let machine = new_machine(seed);
        crash(&machine, after("/map[1]/pay:%attempt", Kind::Decided), build, vec![0, 1, 2]).await;
        let resumed = boot(&machine, build, vec![0, 1, 2]).await;
        if class(&resumed) != Some(Class::Parked) {
            assert_eq!(resumed.unwrap(), [1, 2, 3]);
            for (i, executions) in [1, 2, 3].into_iter().enumerate() {
                assert_eq!(machine.world().executions(&format!("/map[{i}]/pay/flaky")), executions);
            }
        }
        check(&machine);

        // A retry around a retry: the inner one has all its attempts again in each outer one.
        let nested = |process: Process| {
            let inner = std::sync::Arc::new(trying(process));
            agent_fn("outer", move |failures: u64, cx| {
                let inner = inner.clone();
                async move {
                    cx.attempts("pay", MAX, |cx| {
                        let inner = inner.clone();
                        async move { inner.run(failures, &cx.child("try")).await }
                    })
                    .await
                }
            })
        };
        let machine = new_machine(seed);
        assert_eq!(boot(&machine, nested, 7).await.unwrap(), 8);
        assert_eq!(machine.world().executions("/outer/pay/try/pay/flaky"), 8);
        check(&machine);
    }
}
