//! What a run that is executed again, in this process or the next, knows of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, Class, Effect, MemoryJournal, Run, RunBuilder, RunContext, agent_fn,
};
use serde::{Serialize, Serializer};
use tokio::time::{advance, sleep};

use crate::common::open;

const SECOND: Duration = Duration::from_secs(1);

fn on(journal: &MemoryJournal) -> RunBuilder {
    Run::builder("resume").with_journal(journal.clone())
}

/// Works for seven seconds in one process, and gives back what the next one knows of them.
async fn worked_before(again: impl FnOnce(RunBuilder) -> RunBuilder) -> Duration {
    let journal = MemoryJournal::new();
    let run = open(on(&journal).with_deadline(10 * SECOND)).await;
    let agent = agent_fn("works", |(), cx: RunContext| async move {
        let body = |(), _| async {
            sleep(7 * SECOND).await;
            Ok(())
        };
        cx.step("work", Effect::Pure, (), body).await?;
        Err::<(), _>(AgentError::transient("to be continued"))
    });
    run.execute(agent, ()).await.expect_err("it is to be continued");
    drop(run);
    advance(1000 * SECOND).await;
    let run = open(again(on(&journal).with_deadline(10 * SECOND))).await;
    let left = run.context().time_left().expect("it has a deadline");
    assert_eq!(run.worked() + left, 10 * SECOND);
    run.worked()
}

#[tokio::test(start_paused = true)]
async fn the_working_time_of_earlier_processes_counts_and_the_time_between_does_not() {
    assert_eq!(worked_before(|builder| builder).await.as_secs(), 7);
}

/// A map that is written in the order in which it was given.
struct Ordered(Vec<(&'static str, u8)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Takes a step in two processes, with the same map in two orders.
async fn step_over_a_map(change: impl Fn(RunBuilder) -> RunBuilder) -> Result<u8, AgentError> {
    let journal = MemoryJournal::new();
    let mut output = Ok(0);
    for (process, pairs) in [(1, [("a", 1), ("b", 2)]), (2, [("b", 2), ("a", 1)])] {
        let run = open(change(on(&journal))).await;
        let body = |_, _| async move { Ok(process) };
        output = run.context().step("map", Effect::Pure, Ordered(pairs.to_vec()), body).await;
    }
    output
}

#[tokio::test(start_paused = true)]
async fn a_step_is_replayed_whatever_the_order_of_the_map_that_it_was_given() {
    assert_eq!(step_over_a_map(|builder| builder).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_executed_again_goes_on_where_it_stopped() {
    let run = open(on(&MemoryJournal::new())).await;
    let prepared = Arc::new(AtomicUsize::new(0));
    let agent = || {
        let prepared = prepared.clone();
        agent_fn("review", move |(), cx: RunContext| {
            let prepared = prepared.clone();
            async move {
                let body = |(), _| async move { Ok(prepared.fetch_add(1, Ordering::SeqCst)) };
                cx.step("prepare", Effect::Pure, (), body).await?;
                cx.signal::<u8>("approval").await
            }
        })
    };
    let error = run.execute(agent(), ()).await.unwrap_err();
    let AgentError::Suspended { signals } = &error else { panic!("{error}") };
    assert_eq!(run.awaited_signals(), signals.to_vec());
    run.deliver(&signals[0], &7).await.unwrap();
    assert_eq!(run.execute(agent(), ()).await.unwrap(), 7);
    assert_eq!(prepared.load(Ordering::SeqCst), 1);
}

/// How many steps run in and below a context that waits for a signal, and how the last one ended.
async fn steps_after_a_suspension(builder: RunBuilder) -> (usize, Result<(), AgentError>) {
    let (run, ran) = (open(builder).await, AtomicUsize::new(0));
    let root = run.context();
    let cx = root.child("waits");
    let error = cx.signal::<()>("approval").await.unwrap_err();
    assert_eq!(error.class(), Class::Suspended);
    let step = async |cx: &RunContext| {
        let body = |(), _| async {
            ran.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        cx.step("on", Effect::Pure, (), body).await
    };
    // Its siblings finish.
    step(&root).await.unwrap();
    step(&root.child("sibling")).await.unwrap();
    assert_eq!(ran.swap(0, Ordering::SeqCst), 2);
    let mut last = Ok(());
    for cx in [cx.clone(), cx.child("below"), cx.with_extension(1)] {
        last = step(&cx).await;
    }
    (ran.load(Ordering::SeqCst), last)
}

#[tokio::test(start_paused = true)]
async fn a_context_that_waits_for_a_signal_answers_every_step_with_that() {
    let (ran, last) = steps_after_a_suspension(on(&MemoryJournal::new())).await;
    assert_eq!(ran, 0);
    assert_eq!(last.unwrap_err().class(), Class::Suspended);
}

#[cfg(feature = "broken")]
mod broken {
    use maniple_core::Rule;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn working_time_that_starts_again_is_caught() {
        let worked = worked_before(|builder| builder.breaking(Rule::WorkedTimeCounts)).await;
        assert_ne!(worked.as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_digest_that_depends_on_the_order_of_a_map_is_caught() {
        let result = step_over_a_map(|builder| builder.breaking(Rule::DigestIsCanonical)).await;
        assert_eq!(result.unwrap_err().class(), Class::Diverged);
    }

    #[tokio::test(start_paused = true)]
    async fn latches_that_do_not_hold_are_caught() {
        let builder = on(&MemoryJournal::new()).breaking(Rule::LatchesHold);
        assert_ne!(steps_after_a_suspension(builder).await.0, 0);
    }
}
