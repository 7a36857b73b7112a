//! Row *budget*.

use maniple_core::{
    AgentError, BaseAgent, Budget, Class, Effect, RunBuilder, RunContext, agent_fn,
};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Crash, Machine, Process};

use crate::common::*;

const CALL: &str = "/spend/call";

/// A step that reserves 40 tokens and uses `n` of them, and one that reserves 40 and uses 1; answers
/// what is left.
fn spend(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("spend", move |n: u64, cx| {
        let process = process.clone();
        async move {
            call(&cx, &process, "call", n).await?;
            call(&cx, &process, "again", 1).await?;
            Ok(cx.remaining().tokens)
        }
    })
}

async fn call(cx: &RunContext, process: &Process, name: &str, n: u64) -> Result<u64, AgentError> {
    let process = process.clone();
    let options = Effect::Idempotent.reserving(Budget::tokens(40));
    cx.step(name, options, n, |n, step| async move {
        step.spend(Budget::tokens(n));
        process.perform(&step, || Ok(n)).await
    })
    .await
}

fn tokens(limit: u64) -> impl FnOnce(RunBuilder) -> RunBuilder {
    move |run| run.with_budget(Budget { tokens: limit, ..Budget::UNLIMITED })
}

async fn left(machine: &Machine, limit: u64) -> Result<u64, AgentError> {
    machine.boot(Crash::never(), tokens(limit), spend, 10).await.result()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    assert_eq!(
        left(&new_machine(1), 100).await.unwrap(),
        89,
        "what was used, not what was reserved"
    );
    let machine = new_machine(1);
    assert_eq!(class(&left(&machine, 45).await), Some(Class::BudgetExhausted));
    assert_eq!(machine.world().executions("/spend/again"), 0);
    // More than was reserved is counted too.
    let machine = new_machine(1);
    let used = machine.boot(Crash::never(), tokens(100), spend, 55).await.result();
    assert_eq!(used.unwrap(), 44);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    let machine = new_machine(2);
    let died = machine.boot(before(CALL, Kind::Intent), tokens(100), spend, 10).await;
    assert!(died.is_crash());
    assert_eq!(left(&machine, 100).await.unwrap(), 89);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // The call may have happened: its whole reservation is spent, and it reserves again.
    let machine = new_machine(3);
    let died = machine.boot(before(CALL, Kind::Receipt), tokens(100), spend, 10).await;
    assert!(died.is_crash());
    assert_eq!(left(&machine, 100).await.unwrap(), 49);
    check(&machine);
    // Where that leaves too little, nothing runs.
    let machine = new_machine(3);
    let died = machine.boot(before(CALL, Kind::Receipt), tokens(79), spend, 10).await;
    assert!(died.is_crash());
    assert_eq!(class(&left(&machine, 79).await), Some(Class::BudgetExhausted));
    assert_eq!(machine.world().executions(CALL), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    let machine = new_machine(4);
    let died = machine.boot(after(CALL, Kind::Receipt), tokens(100), spend, 10).await;
    assert!(died.is_crash());
    assert_eq!(left(&machine, 100).await.unwrap(), 89);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // What an earlier process has used is held before the code that used it is come by, so that
    // nobody else spends it again; and a child's share of it is the child's.
    let build = |process: Process| {
        agent_fn("spend", move |(): (), cx| {
            let process = process.clone();
            async move {
                let before = cx.remaining().tokens;
                let child = cx.child("late").with_budget(Budget { tokens: 60, ..Budget::ZERO })?;
                let granted = child.remaining().tokens;
                call(&child, &process, "call", 35).await?;
                Ok((before, granted, child.remaining().tokens, cx.remaining().tokens))
            }
        })
    };
    let machine = new_machine(5);
    let died = machine.boot(after("/spend/late/call", Kind::Receipt), tokens(100), build, ()).await;
    assert!(died.is_crash());
    let resumed = machine.boot(Crash::never(), tokens(100), build, ()).await.result();
    assert_eq!(resumed.unwrap(), (65, 25, 25, 40));
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let build = |process: Process| {
            let child = agent_fn("child", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    let cx = cx.child("own").with_budget(Budget::tokens(100))?;
                    call(&cx, &process, "call", n).await
                }
            });
            MapReduce::collect("map", child).with_concurrency(2).durable()
        };
        // Two grants of 100 fit; what they do not use goes back to the third.
        let machine = new_machine(seed);
        let done = machine.boot(Crash::never(), tokens(240), build, vec![10, 20, 30]).await;
        assert_eq!(done.result().unwrap(), [10, 20, 30]);
        // Crashed anywhere, never more than the whole is used.
        let machine = new_machine(seed);
        let at = after("/map[1]/own/call", Kind::Receipt);
        assert!(machine.boot(at, tokens(300), build, vec![10, 20, 30]).await.is_crash());
        let resumed = machine.boot(Crash::never(), tokens(300), build, vec![10, 20, 30]).await;
        assert_eq!(resumed.result().unwrap(), [10, 20, 30]);
        check(&machine);
        // One that does not fit is refused, and nothing of it runs.
        let machine = new_machine(seed);
        let refused = machine.boot(Crash::never(), tokens(99), build, vec![10, 20, 30]).await;
        assert_eq!(class(&refused.result()), Some(Class::BudgetExhausted));
        assert!(machine.world().effects().is_empty());
        check(&machine);
    }
}
