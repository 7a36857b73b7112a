//! Row *deadline*.

use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, Effect, RunBuilder, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Crash, Process};

use crate::common::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Two steps that take a minute each.
fn slow(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("slow", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let n = minute(&cx, &process, "first", n).await?;
            minute(&cx, &process, "second", n).await
        }
    })
}

async fn minute(
    cx: &maniple_core::RunContext,
    process: &Process,
    name: &str,
    n: u64,
) -> Result<u64, AgentError> {
    let process = process.clone();
    cx.step(name, Effect::Irreversible, n, |n, step| async move {
        let result = process.perform(&step, || Ok(n + 1)).await;
        tokio::time::sleep(MINUTE).await;
        result
    })
    .await
}

fn within(seconds: u64) -> impl FnOnce(RunBuilder) -> RunBuilder {
    move |run| run.with_deadline(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    // The step in flight has its grace; none begins after it.
    let machine = new_machine(1);
    let late = machine.boot(Crash::never(), within(58), slow, 1).await.result();
    assert_eq!(class(&late), Some(Class::DeadlineExceeded));
    assert_eq!(count(&machine, "/slow/first", Kind::Receipt), 1);
    assert_eq!(machine.world().executions("/slow/second"), 0);
    // Beyond the grace it is aborted.
    let machine = new_machine(1);
    let late = machine.boot(Crash::never(), within(30), slow, 1).await.result();
    assert_eq!(class(&late), Some(Class::DeadlineExceeded));
    assert_eq!(count(&machine, "/slow/first", Kind::Receipt), 0);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    // What was worked before the crash is gone from the deadline of the next process.
    let machine = new_machine(2);
    let died = machine.boot(before("/slow/second", Kind::Intent), within(90), slow, 1).await;
    assert!(died.is_crash());
    let late = machine.boot(Crash::never(), within(90), slow, 1).await.result();
    assert_eq!(class(&late), Some(Class::DeadlineExceeded));
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // The time for which the host was down does not count; nor does a day of it.
    let machine = new_machine(3);
    let died = machine.boot(after("/slow/second", Kind::Intent), within(90), slow, 1).await;
    assert!(died.is_crash());
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let resumed = machine.boot(Crash::never(), within(90), slow, 1).await.result();
    assert_eq!(class(&resumed), Some(Class::Parked), "in doubt, and not late");
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    // A replay does not ask the deadline: both steps are answered after it has passed.
    let machine = new_machine(4);
    let died = machine.boot(after("/slow/second", Kind::Receipt), within(150), slow, 1).await;
    assert!(died.is_crash());
    let resumed = machine.boot(Crash::never(), within(1), slow, 1).await.result();
    assert_eq!(resumed.unwrap(), 3);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // The run's own deadline is no outcome: with more time, the run goes on.
    let machine = new_machine(5);
    let late = machine.boot(Crash::never(), within(58), slow, 1).await.result();
    assert_eq!(class(&late), Some(Class::DeadlineExceeded));
    let resumed = machine.boot(Crash::never(), within(180), slow, 1).await.result();
    assert_eq!(resumed.unwrap(), 3);
    assert_eq!(machine.world().executions("/slow/first"), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        // Three children with deadlines of their own; the run's is later than all but one.
        let build = |process: Process| {
            let child = agent_fn("child", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    let cx = cx.child("inner").with_deadline(Duration::from_secs(30 * n));
                    let left = cx.time_left().map(|left| left.as_secs());
                    let n = minute(&cx, &process, "work", n).await?;
                    // The first has no time for a second step.
                    let n = minute(&cx, &process, "more", n).await;
                    n.map(|n| (n, left))
                }
            });
            MapReduce::collect("map", child).with_concurrency(3).durable()
        };
        let machine = new_machine(seed);
        let late = machine.boot(Crash::never(), within(150), build, vec![4, 5, 9]).await.result();
        let left: Vec<_> = late.unwrap().into_iter().map(|(_, left)| left).collect();
        assert_eq!(
            left,
            [Some(120), Some(150), Some(150)],
            "the earlier of one's own and the run's"
        );
        let machine = new_machine(seed);
        let late = machine.boot(Crash::never(), within(150), build, vec![4, 5, 1]).await.result();
        assert_eq!(class(&late), Some(Class::DeadlineExceeded));
        assert_eq!(machine.world().executions("/map[2]/inner/more"), 0);
        check(&machine);
    }
}
