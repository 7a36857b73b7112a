//! Row *durable branch*.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maniple_core::{BaseAgent, Class, Effect, agent_fn};
use maniple_orchestration::{MapReduce, Pipeline};
use maniple_testkit::Process;

use crate::common::*;

const STAGE: &str = "/flow/two";

/// A durable pipeline of two stages that adds three.
fn flow(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    let last = agent_fn("last", |n: u64, _cx| async move { Ok(n + 1) });
    Pipeline::new("flow", two_steps(process, Effect::Idempotent)).then(last).durable()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    let machine = new_machine(1);
    assert_eq!(boot(&machine, flow, 1).await.unwrap(), 4);
    for stage in [STAGE, "/flow/last"] {
        assert_eq!(count(&machine, stage, Kind::Entered), 1);
        assert_eq!(count(&machine, stage, Kind::Receipt), 1);
    }
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    for at in [before(STAGE, Kind::Entered), losing(STAGE, Kind::Entered)] {
        let machine = new_machine(2);
        crash(&machine, at, flow, 1).await;
        assert_eq!(count(&machine, STAGE, Kind::Entered), 0);
        assert_eq!(boot(&machine, flow, 1).await.unwrap(), 4);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    // Entered and nothing else; and with one of its steps finished.
    for (at, first) in
        [(after(STAGE, Kind::Entered), 0), (after("/flow/two/first", Kind::Receipt), 1)]
    {
        let machine = new_machine(3);
        crash(&machine, at, flow, 1).await;
        assert_eq!(machine.world().executions("/flow/two/first"), first);
        assert_eq!(boot(&machine, flow, 1).await.unwrap(), 4);
        assert_eq!(machine.world().executions("/flow/two/first"), 1, "its steps replay");
        assert_eq!(count(&machine, STAGE, Kind::Entered), 1, "it is entered again silently");
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    // What a branch does outside of steps happens again only where the branch has no receipt.
    for (at, entered) in
        [(after("/flow/loose", Kind::Receipt), 1), (before("/flow/loose", Kind::Receipt), 2)]
    {
        let bodies = Arc::new(AtomicU64::new(0));
        let build = |_: Process| {
            let bodies = bodies.clone();
            let loose = agent_fn("loose", move |n: u64, _cx| {
                bodies.fetch_add(1, Ordering::Relaxed);
                async move { Ok(n + 1) }
            });
            Pipeline::new("flow", loose).durable()
        };
        let machine = new_machine(4);
        crash(&machine, at, build, 1).await;
        assert_eq!(boot(&machine, build, 1).await.unwrap(), 2);
        assert_eq!(bodies.load(Ordering::Relaxed), entered);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    let done = |n: u64, _cx| async move { Ok::<u64, maniple_core::AgentError>(n + 1) };
    let machine = new_machine(5);
    let recorded =
        |_: Process| Pipeline::new("flow", agent_fn("a", done)).then(agent_fn("b", done)).durable();
    crash(&machine, after("/flow/a", Kind::Receipt), recorded, 1).await;

    // An added, renamed or reordered stage, and another kind of pattern under the same name.
    let more = |_: Process| {
        Pipeline::new("flow", agent_fn("a", done))
            .then(agent_fn("b", done))
            .then(agent_fn("c", done))
            .durable()
    };
    assert_eq!(class(&boot(&machine, more, 1).await), Some(Class::Diverged));
    let renamed =
        |_: Process| Pipeline::new("flow", agent_fn("a", done)).then(agent_fn("x", done)).durable();
    assert_eq!(class(&boot(&machine, renamed, 1).await), Some(Class::Diverged));
    let reordered =
        |_: Process| Pipeline::new("flow", agent_fn("b", done)).then(agent_fn("a", done)).durable();
    assert_eq!(class(&boot(&machine, reordered, 1).await), Some(Class::Diverged));
    let other = |_: Process| MapReduce::collect("flow", agent_fn("a", done)).durable();
    assert_eq!(class(&boot(&machine, other, vec![1]).await), Some(Class::Diverged));
    // Another input.
    assert_eq!(class(&boot(&machine, recorded, 2).await), Some(Class::Diverged));
    // The code and input that were recorded.
    assert_eq!(boot(&machine, recorded, 1).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        let inputs = vec![1, 2, 3, 4, 5];
        let build = |p: Process| in_parallel(p, Effect::Idempotent);
        crash(&machine, after("/map[2]", Kind::Receipt), build, inputs.clone()).await;
        let done: Vec<String> = (0..5)
            .map(|i| format!("/map[{i}]"))
            .filter(|key| count(&machine, key, Kind::Receipt) == 1)
            .collect();
        let before = machine.world().effects();
        assert_eq!(boot(&machine, build, inputs).await.unwrap(), [3, 4, 5, 6, 7], "in input order");
        for (key, times) in machine.world().effects() {
            if done.iter().any(|branch| key.as_str().starts_with(&format!("{branch}/"))) {
                assert_eq!(before.get(&key), Some(&times), "{key} lies in a finished branch");
            }
        }
        check(&machine);
    }
}
