//! Row *signal*.

use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, Delivery, Effect, Fact, Key, Run, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Machine, Process};

use crate::common::*;

const APPROVAL: &str = "/ask!approval";

/// Does a step, waits for a number, and adds it.
fn ask(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("ask", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let n = add_one(&cx, &process, "before", Effect::Irreversible, n).await?;
            let added: u64 = cx.signal("approval").await?;
            Ok(n + added)
        }
    })
}

/// Delivers to the run that a machine has left behind.
async fn deliver(machine: &Machine, key: &str, value: u64) -> Delivery {
    let run = machine.run().open().await.unwrap();
    run.deliver(&Key::new(key), &value).await.unwrap()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    // With a journal the run suspends, and names what it waits for.
    let machine = new_machine(1);
    let error = boot(&machine, ask, 1).await.unwrap_err();
    assert!(
        matches!(&error, AgentError::Suspended { signals } if **signals == [Key::new(APPROVAL)])
    );
    assert_eq!(deliver(&machine, APPROVAL, 10).await, Delivery::Accepted);
    assert_eq!(boot(&machine, ask, 1).await.unwrap(), 12);
    assert_eq!(machine.world().executions("/ask/before"), 1);

    // Without one it waits in process.
    let run = std::sync::Arc::new(Run::builder("live").open().await.unwrap());
    let waiting = agent_fn("ask", |(): (), cx| async move { cx.signal::<u64>("approval").await });
    let executing = tokio::spawn({
        let run = run.clone();
        async move { run.execute(waiting, ()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(run.awaited_signals(), [Key::new(APPROVAL)]);
    run.deliver(&Key::new(APPROVAL), &5).await.unwrap();
    assert_eq!(executing.await.unwrap().unwrap(), 5);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    for at in [before(APPROVAL, Kind::Awaited), losing(APPROVAL, Kind::Awaited)] {
        let machine = new_machine(2);
        crash(&machine, at, ask, 1).await;
        assert_eq!(class(&boot(&machine, ask, 1).await), Some(Class::Suspended));
        assert_eq!(count(&machine, APPROVAL, Kind::Awaited), 1);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    let machine = new_machine(3);
    crash(&machine, after(APPROVAL, Kind::Awaited), ask, 1).await;
    let run = machine.run().open().await.unwrap();
    assert_eq!(run.awaited_signals(), [Key::new(APPROVAL)], "an operator can list it");
    drop(run);
    assert_eq!(class(&boot(&machine, ask, 1).await), Some(Class::Suspended));
    assert_eq!(count(&machine, APPROVAL, Kind::Awaited), 1, "it is awaited once");
    deliver(&machine, APPROVAL, 10).await;
    assert_eq!(boot(&machine, ask, 1).await.unwrap(), 12);
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    let machine = new_machine(4);
    assert_eq!(class(&boot(&machine, ask, 1).await), Some(Class::Suspended));
    deliver(&machine, APPROVAL, 10).await;
    // The delivery is durable: whoever comes next has it, and it cannot be replaced.
    assert_eq!(deliver(&machine, APPROVAL, 99).await, Delivery::AlreadyDelivered);
    for _ in 0..2 {
        assert_eq!(boot(&machine, ask, 1).await.unwrap(), 12);
    }
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // Delivered before anybody asked.
    let machine = new_machine(5);
    assert_eq!(deliver(&machine, APPROVAL, 10).await, Delivery::Accepted);
    assert_eq!(boot(&machine, ask, 1).await.unwrap(), 12);

    // A context that waits answers every later step the same.
    let stubborn = |process: Process| {
        agent_fn("ask", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let _ignored: Result<u64, AgentError> = cx.signal("approval").await;
                add_one(&cx, &process, "after", Effect::Pure, n).await
            }
        })
    };
    let machine = new_machine(6);
    assert_eq!(class(&boot(&machine, stubborn, 1).await), Some(Class::Suspended));
    assert_eq!(machine.world().executions("/ask/after"), 0);
}

/// Waits for a signal where the input is odd; fails where it is 100.
fn asking(process: Process) -> impl BaseAgent<Input = Vec<u64>, Output = Vec<u64>> {
    let one = agent_fn("one", move |n: u64, cx| {
        let process = process.clone();
        async move {
            if n == 100 {
                // Late, so that the others wait by then.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return Err(AgentError::permanent("a hundred"));
            }
            let n = add_one(&cx, &process, "work", Effect::Irreversible, n).await?;
            if n % 2 == 0 {
                let added: u64 = cx.signal("approval").await?;
                return Ok(n + added);
            }
            Ok(n)
        }
    });
    MapReduce::collect("map", one).with_concurrency(4).durable()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        let inputs = vec![1, 2, 3, 4];
        let error = boot(&machine, asking, inputs.clone()).await.unwrap_err();
        let keys = ["/map[0]!approval", "/map[2]!approval"].map(Key::new);
        assert!(
            matches!(&error, AgentError::Suspended { signals } if **signals == keys),
            "{error}"
        );
        for i in 0..4 {
            let key = format!("/map[{i}]/work");
            assert_eq!(machine.world().executions(&key), 1, "siblings finish");
        }
        deliver(&machine, keys[0].as_str(), 10).await;
        let error = boot(&machine, asking, inputs.clone()).await.unwrap_err();
        assert!(matches!(&error, AgentError::Suspended { signals } if **signals == keys[1..]));
        deliver(&machine, keys[1].as_str(), 20).await;
        assert_eq!(boot(&machine, asking, inputs).await.unwrap(), [12, 3, 24, 5]);
        check(&machine);

        // A failure outranks waiting, and withdraws the signals.
        let machine = new_machine(seed);
        let inputs = vec![1, 100, 3];
        for _ in 0..2 {
            let failed = boot(&machine, asking, inputs.clone()).await;
            assert_eq!(class(&failed), Some(Class::Permanent));
            for key in ["/map[0]!approval", "/map[2]!approval"] {
                assert_eq!(deliver(&machine, key, 1).await, Delivery::Withdrawn);
            }
        }
        let withdrawn =
            machine.records().iter().filter(|r| matches!(r.fact, Fact::Withdrawn)).count();
        assert_eq!(withdrawn, 2, "once each");
        check(&machine);
    }
}
