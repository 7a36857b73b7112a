//! The same call is made so often in so much working time, and no more.

use std::time::Duration;

use maniple_core::policy::{LoopDetected, LoopGuard, RetryPolicy};
use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Class, MemoryJournal, Run, RunContext, agent_fn,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::common::{cases, open, paused, reopen};
use crate::what::{Log, MS};

fn tool(log: &Log) -> BoxAgent<u64, u64> {
    let log = log.clone();
    agent_fn("tool", move |n: u64, _cx| {
        log.note();
        async move { Ok(n) }
    })
    .boxed()
}

async fn call<A: BaseAgent>(agent: &A, input: A::Input, cx: &RunContext) -> bool {
    match agent.run(input, &cx.child("call")).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.class(), Class::Permanent, "{error}");
            false
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_window_has_more_of_the_same_call_than_are_allowed(
        limit in 0_u32..4,
        within in 1_u64..200,
        calls in prop::collection::vec((0_u64..3, 0_u64..100), 0..40),
        durable in any::<bool>(),
    ) {
        paused().block_on(async {
            let log = Log::default();
            let agent =
                tool(&log).with_loop_guard(LoopGuard::new(limit, Duration::from_millis(within)));
            let builder = Run::builder("test");
            let builder =
                if durable { builder.with_journal(MemoryJournal::new()) } else { builder };
            let run = open(builder).await;
            let (cx, mut now) = (run.context(), 0);
            let mut made: Vec<(u64, u64)> = Vec::new();
            for (input, pause) in calls {
                advance(Duration::from_millis(pause)).await;
                now += pause;
                // Every call counts, those that failed too: whoever made them goes on in circles.
                made.push((input, now));
                let same = made.iter().filter(|(i, at)| *i == input && at + within > now).count();
                let allowed = same <= limit.max(1) as usize;
                prop_assert_eq!(call(&agent, input, &cx).await, allowed);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_the_sixth_call_in_ten_minutes_fails_and_says_why() {
    let agent = tool(&Log::default()).with_loop_guard(LoopGuard::default());
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    for _ in 0..5 {
        assert!(call(&agent, 1, &cx).await);
        advance(60_000 * MS).await;
    }
    let error = agent.run(1, &cx.child("call")).await.unwrap_err();
    let text = "tool was called 6 times with the same input in 600s: 5 are allowed";
    assert_eq!((error.class(), error.to_string()), (Class::Permanent, text.to_owned()));
    let AgentError::Failed { source, .. } = error else { panic!("it is no failure") };
    assert!(source.downcast_ref::<LoopDetected>().is_some_and(|found| found.calls == 6));
    assert!(call(&agent, 2, &cx).await, "another call is another call");
    // Eleven minutes after the first one, that and the second do not count any more.
    advance(6 * 60_000 * MS).await;
    assert!(call(&agent, 1, &cx).await);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_never_stops_calling_is_refused_each_time() {
    let log = Log::default();
    let agent = tool(&log).with_loop_guard(LoopGuard::new(20, 60_000 * MS));
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    for nth in 0..20_000 {
        assert_eq!(call(&agent, 1, &cx).await, nth < 20);
    }
    assert_eq!(log.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn inputs_are_compared_as_digests_are() {
    let agent = agent_fn("tool", |input: Value, _cx| async move { Ok(input) })
        .with_loop_guard(LoopGuard::new(1, 1000 * MS));
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    assert!(call(&agent, json!({ "a": 1, "b": 2 }), &cx).await);
    assert!(!call(&agent, json!({ "b": 2, "a": 1 }), &cx).await);
    assert!(call(&agent, json!({ "a": 1.0, "b": 2 }), &cx).await);
}

#[tokio::test(start_paused = true)]
async fn runs_are_counted_apart_and_so_are_guards_and_clones_are_not() {
    let guard = LoopGuard::new(1, 1000 * MS);
    let (one, two) = (
        tool(&Log::default()).with_loop_guard(&guard),
        tool(&Log::default()).with_loop_guard(&guard),
    );
    let other = tool(&Log::default()).with_loop_guard(LoopGuard::new(1, 1000 * MS));
    let (run, run2) = (open(Run::builder("test")).await, open(Run::builder("test")).await);
    assert!(call(&one, 1, &run.context()).await);
    assert!(!call(&two, 1, &run.context()).await);
    assert!(call(&other, 1, &run.context()).await);
    assert!(call(&two, 1, &run2.context()).await);
}

#[tokio::test(start_paused = true)]
async fn many_other_calls_make_none_forgotten_that_counts() {
    let agent = tool(&Log::default()).with_loop_guard(LoopGuard::new(1, 1000 * MS));
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    assert!(call(&agent, 0, &cx).await);
    advance(600 * MS).await;
    assert!(!call(&agent, 0, &cx).await);
    advance(500 * MS).await;
    // By now the first one does not count any more, and the second does.
    for other in 1..5_000 {
        assert!(call(&agent, other, &cx).await);
    }
    assert!(!call(&agent, 0, &cx).await);
}

#[tokio::test(start_paused = true)]
async fn calls_of_places_that_look_alike_are_told_apart() {
    let agent = tool(&Log::default()).with_loop_guard(LoopGuard::new(1, 1000 * MS));
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    let one = cx.child("a");
    let places = [
        one.clone(),
        // The same place, and another call of it.
        one.clone(),
        one.child("b"),
        one.child("b"),
        cx.child("ab"),
        cx.child("a"),
        one.child_at(1),
        one.child_at("x"),
        one.child_at(256),
        one.child_at(1).child_at(256),
        one.child_at(0),
        cx.clone(),
        cx.clone(),
    ];
    for (nth, place) in places.iter().enumerate() {
        let refused = agent.run(1, place).await.err();
        let found = refused.and_then(|error| match error {
            AgentError::Failed { source, .. } => source.downcast_ref::<LoopDetected>().cloned(),
            _ => None,
        });
        assert_eq!(found.map_or(1, |found| found.calls as usize), nth + 1, "{}", place.path());
    }
}

/// Makes the same call twice, then fails transiently as often as it is told to.
fn asking(guard: &LoopGuard, log: &Log, failures: usize) -> BoxAgent<u64, u64> {
    let tool = std::sync::Arc::new(tool(log).with_loop_guard(guard));
    let attempts = Log::default();
    agent_fn("asking", move |n: u64, cx| {
        let (tool, attempt) = (tool.clone(), attempts.note());
        async move {
            tool.run(n, &cx.child("call")).await?;
            tool.run(n, &cx.child("call")).await?;
            if attempt <= failures { Err(AgentError::transient("again")) } else { Ok(n) }
        }
    })
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_counted_once_in_all_attempts() {
    let run = open(Run::builder("test")).await;
    let agent = asking(&LoopGuard::new(2, 1_000_000 * MS), &Log::default(), 3);
    run.execute(agent.with_retry(RetryPolicy::network()), 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_says_the_same_of_each_call_whatever_the_time() {
    let journal = MemoryJournal::new();
    let mut said = Vec::new();
    for process in 0..3 {
        let log = Log::default();
        let run = reopen(&journal).await;
        let agent = tool(&log).with_loop_guard(LoopGuard::new(2, 100 * MS));
        let (cx, mut now) = (run.context(), Vec::new());
        for pause in [0, 40, 40, 40, 500, 10, 10, 10] {
            // Only the first process has the time that there was.
            advance(if process == 0 { pause * MS } else { Duration::ZERO }).await;
            now.push(call(&agent, 1, &cx).await);
        }
        said.push(now);
    }
    assert_eq!(said[0], [true, true, false, false, true, true, false, false]);
    assert_eq!((&said[1], &said[2]), (&said[0], &said[0]));
}
