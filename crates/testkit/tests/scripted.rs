//! An agent that answers from a script goes on in it across attempts, crashes and processes, and never
//! answers what is not in it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::num::NonZeroU32;

use maniple_core::{
    AgentError, BaseAgent, Class, Effect, Fact, MemoryJournal, Reconciled, Run, agent_fn,
    reconciler_fn,
};
use maniple_testkit::{
    Crash, CrashTest, Machine, Moment, Process, Replied, ScriptError, ScriptedAgent,
};

type Model = ScriptedAgent<u64, u64>;

/// Asks the model twice, each time with what it was answered before.
fn asks_twice(model: Model) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("asks", move |n: u64, cx| {
        let model = model.clone();
        async move {
            let first = model.run(n, &cx.child("first")).await?;
            model.run(first, &cx.child("second")).await
        }
    })
}

#[tokio::test]
async fn replies_come_in_the_order_of_the_calls() {
    let model = Model::new("model", [Ok(5), Ok(6)]);
    let run = Run::builder("test").open().await.unwrap();
    assert_eq!(run.execute(asks_twice(model.clone()), 1).await.unwrap(), 6);
    assert_eq!(model.inputs(), [1, 5]);
    assert_eq!(model.calls()[1].key.as_str(), "/asks/second/reply");
    model.verify().unwrap();
}

#[tokio::test]
async fn a_script_that_is_used_up_fails_and_says_so() {
    let model = Model::new("model", [Ok(5)]);
    let run = Run::builder("test").open().await.unwrap();
    let error = run.execute(asks_twice(model.clone()), 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
    let AgentError::Failed { source, .. } = error else { panic!("{error:?}") };
    let used_up = ScriptError::UsedUp { agent: "model".into(), replies: 1, call: 2 };
    assert_eq!(source.downcast_ref(), Some(&used_up));
    assert_eq!(model.verify(), Err(used_up));
    assert_eq!(model.calls()[1].reply, Replied::UsedUp);
}

#[tokio::test]
async fn replies_that_nobody_asked_for_are_noticed() {
    let model = Model::new("model", [Ok(5), Ok(6)]).with_replies_when(|n| *n == 9, [Ok(7)]);
    let run = Run::builder("test").open().await.unwrap();
    run.execute(asks_twice(model.clone()), 1).await.unwrap();
    assert_eq!(
        model.verify(),
        Err(ScriptError::Unused { agent: "model".into(), replies: 3, left: 1 })
    );
}

#[tokio::test]
async fn an_input_with_replies_of_its_own_gets_no_others() {
    let model = Model::new("model", [Ok(5)]).with_replies_when(|n| *n == 5, [Ok(50)]);
    let run = Run::builder("test").open().await.unwrap();
    assert_eq!(run.execute(asks_twice(model.clone()), 1).await.unwrap(), 50);
    let error = run.execute(model.clone(), 5).await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn an_attempt_after_a_transient_failure_gets_the_next_reply() {
    let model = Model::new("model", [Err(AgentError::transient("busy")), Ok(5)]);
    let asks = model.clone();
    let retries = agent_fn("retries", move |n: u64, cx| {
        let asks = asks.clone();
        async move {
            let twice = NonZeroU32::new(2).unwrap();
            cx.attempts("tries", twice, |cx| {
                let asks = asks.clone();
                async move { asks.run(n, &cx).await }
            })
            .await
        }
    });
    let run = Run::builder("test").open().await.unwrap();
    assert_eq!(run.execute(retries, 1).await.unwrap(), 5);
    model.verify().unwrap();
}

#[tokio::test]
async fn a_replay_asks_the_script_for_nothing() {
    let journal = MemoryJournal::new();
    let model = Model::new("model", [Ok(5), Ok(6)]);
    for _ in 0..2 {
        let run = Run::builder("test").with_journal(journal.clone()).open().await.unwrap();
        assert_eq!(run.execute(asks_twice(model.clone()), 1).await.unwrap(), 6);
    }
    assert_eq!(model.calls().len(), 2);
}

#[tokio::test]
async fn without_steps_a_resumed_run_gets_the_replies_that_follow() {
    let journal = MemoryJournal::new();
    // No part of it has a form in JSON.
    let model = ScriptedAgent::<std::time::Instant, fn() -> u8>::new("model", []);
    let model = model.with_replies_when(|_| true, [Ok((|| 1) as fn() -> u8), Ok(|| 2)]);
    let model = model.unjournaled();
    for expected in [1, 2] {
        let run = Run::builder("test").with_journal(journal.clone()).open().await.unwrap();
        let reply = run.execute(model.clone(), std::time::Instant::now()).await.unwrap();
        assert_eq!(reply(), expected);
    }
    assert_eq!(model.calls()[1].key.as_str(), "/model");
    model.verify().unwrap();
}

fn kept(process: &Process) -> Model {
    process
        .world()
        .keep("model", || Model::new("model", [Ok(5), Err(AgentError::transient("busy")), Ok(6)]))
}

#[tokio::test(start_paused = true)]
async fn a_call_in_doubt_gets_the_same_reply_again() {
    let machine = Machine::new(1);
    let build = |process: Process| asks_twice(kept(&process));
    let receipt = |_: usize, record: &maniple_core::Record| {
        matches!(record.fact, Fact::Receipt { .. }).then_some(Moment::Before)
    };
    assert!(machine.boot(Crash::when(receipt), |run| run, build, 1).await.is_crash());
    let error = machine.boot(Crash::never(), |run| run, build, 1).await.result().unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(machine.boot(Crash::never(), |run| run, build, 1).await.result().unwrap(), 6);
    let model = machine.world().keep("model", || Model::new("another", []));
    let replies: Vec<_> = model.calls().iter().map(|call| call.reply).collect();
    // The last process is answered the first call by its journal.
    assert_eq!(replies, [Replied::Next, Replied::Again, Replied::Next, Replied::Next]);
    model.verify().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_script_outlives_every_crash() {
    let examined = CrashTest::new(|process| asks_twice(kept(&process)))
        .with_input(1)
        .with_crashes(2)
        .run()
        .await
        .unwrap();
    assert!(examined.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_script_that_begins_anew_in_each_process_is_caught() {
    let anew = |_: Process| asks_twice(Model::new("model", [Ok(5), Ok(6)]));
    let failure = CrashTest::new(anew).with_input(1).run().await.unwrap_err();
    // The resumed process asks its second question first.
    assert_eq!(failure.schedule.points().len(), 1);
    assert_eq!(failure.crashed[0].key().as_str(), "/asks/first/reply");
}

#[tokio::test]
async fn a_call_may_be_one_that_must_not_be_made_again() {
    let journal = MemoryJournal::new();
    let lost = Err(AgentError::new(Class::Indeterminate, "the line was cut"));
    let model = Model::new("model", [lost, Ok(5)]).with_effect(Effect::Irreversible);
    let open = || Run::builder("test").with_journal(journal.clone());
    let run = open().open().await.unwrap();
    let error = run.execute(model.clone(), 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Indeterminate);
    let run = open().open().await.unwrap();
    assert_eq!(run.execute(model.clone(), 1).await.unwrap_err().class(), Class::Parked);
    let rerun = reconciler_fn(|_| std::future::ready(Reconciled::Rerun));
    let run = open().with_reconciler(rerun).open().await.unwrap();
    assert_eq!(run.execute(model.clone(), 1).await.unwrap(), 5);
}
