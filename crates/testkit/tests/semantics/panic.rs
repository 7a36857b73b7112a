//! Row *panic*.

use maniple_core::{AgentError, BaseAgent, Class, Effect, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Machine, Process};

use crate::common::*;

/// Where the agent panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    BeforeSteps,
    InBody,
    AfterSteps,
}

const STEP: &str = "/shaky/step";

/// One step, and a panic for every input but 0.
fn shaky(
    process: Process,
    effect: Effect,
    at: Where,
) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    agent_fn("shaky", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let panics = |here| n > 0 && here == at;
            assert!(!panics(Where::BeforeSteps), "before any step");
            let inner = process.clone();
            let in_body = panics(Where::InBody);
            let n = cx
                .step("step", effect, n, |n, step| async move {
                    let result = inner.perform(&step, || Ok(n + 1)).await;
                    assert!(!in_body, "in the body of a step");
                    result
                })
                .await?;
            assert!(!panics(Where::AfterSteps), "after the step");
            Ok(n)
        }
    })
}

/// Runs it, and then the same agent without the panic.
async fn twice(effect: Effect, at: Where) -> (Machine, AgentError, Result<u64, AgentError>) {
    let machine = new_machine(1);
    let first = boot(&machine, |p| shaky(p, effect, at), 1).await.unwrap_err();
    let second = boot(&machine, |p| calm(p, effect), 1).await;
    (machine, first, second)
}

/// The same agent without the panic.
fn calm(process: Process, effect: Effect) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    agent_fn("shaky", move |n: u64, cx| {
        let process = process.clone();
        async move { add_one(&cx, &process, "step", effect, n).await }
    })
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    for (at, text) in [
        (Where::BeforeSteps, "before any step"),
        (Where::InBody, "in the body of a step"),
        (Where::AfterSteps, "after the step"),
    ] {
        let (machine, error, _) = twice(Effect::Idempotent, at).await;
        assert_eq!(error.class(), Class::Panicked);
        assert!(error.to_string().contains(text), "{error}");
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    let (machine, _, second) = twice(Effect::Irreversible, Where::BeforeSteps).await;
    assert_eq!(second.unwrap(), 2);
    assert_eq!(machine.world().executions(STEP), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // A panic in a body is as a crash there: nobody knows how far it came.
    let (machine, _, second) = twice(Effect::Irreversible, Where::InBody).await;
    assert_eq!(class(&second), Some(Class::Parked));
    assert_eq!(count(&machine, STEP, Kind::Receipt), 0);
    check(&machine);
    let (machine, _, second) = twice(Effect::Idempotent, Where::InBody).await;
    assert_eq!(second.unwrap(), 2);
    assert_eq!(machine.world().executions(STEP), 2);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    let (machine, _, second) = twice(Effect::Irreversible, Where::AfterSteps).await;
    assert_eq!(second.unwrap(), 2);
    assert_eq!(machine.world().executions(STEP), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // A branch that panicked has no receipt: it is entered again.
    let map = |p: Process, at| MapReduce::collect("map", shaky(p, Effect::Pure, at)).durable();
    let mended = |p: Process| MapReduce::collect("map", calm(p, Effect::Pure)).durable();
    let machine = new_machine(2);
    let panicked = boot(&machine, |p| map(p, Where::AfterSteps), vec![1]).await;
    assert_eq!(class(&panicked), Some(Class::Panicked));
    assert_eq!(count(&machine, "/map[0]", Kind::Entered), 1);
    assert_eq!(count(&machine, "/map[0]", Kind::Receipt), 0);
    assert_eq!(boot(&machine, mended, vec![1]).await.unwrap(), [2]);
    assert_eq!(machine.world().executions("/map[0]/step"), 1);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        for at in [Where::BeforeSteps, Where::InBody, Where::AfterSteps] {
            let machine = new_machine(seed);
            let place = usize::try_from(pick(seed, 4)).unwrap();
            let mut inputs = vec![0; 4];
            inputs[place] = 1;
            let build = |p: Process| {
                let inner = MapReduce::collect("inner", shaky(p, Effect::Idempotent, at))
                    .with_concurrency(2)
                    .durable();
                MapReduce::collect("outer", inner).durable()
            };
            let error = boot(&machine, build, vec![inputs]).await.unwrap_err();
            assert!(
                matches!(&error, AgentError::Panicked { key, .. }
                    if key.as_str().starts_with(&format!("/outer[0][{place}]"))),
                "{error}"
            );
            check(&machine);
        }
    }
}
