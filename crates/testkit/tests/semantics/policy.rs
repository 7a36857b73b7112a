//! What policies around an agent decide, crashed at every record.

use std::num::NonZeroU32;
use std::time::Duration;

use maniple_core::policy::RetryPolicy;
use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, Effect, agent_fn};
use maniple_testkit::{CrashTest, Process};

use crate::common::*;

/// What the other agent adds.
const OTHER: u64 = 1000;

fn other(process: &Process) -> BoxAgent<u64, u64> {
    let process = process.clone();
    agent_fn("other", move |n: u64, cx| {
        let process = process.clone();
        async move { Ok(OTHER + add_one(&cx, &process, "do", Effect::Idempotent, n).await?) }
    })
    .boxed()
}

/// Takes longer than it is given.
fn slow(process: &Process) -> BoxAgent<u64, u64> {
    let process = process.clone();
    agent_fn("slow", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let n = add_one(&cx, &process, "first", Effect::Idempotent, n).await?;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            add_one(&cx, &process, "never", Effect::Idempotent, n).await
        }
    })
    .boxed()
}

/// Fails transiently as often as that, over all processes, and succeeds then.
fn flaky(process: &Process, failures: usize) -> BoxAgent<u64, u64> {
    let process = process.clone();
    agent_fn("flaky", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let n = add_one(&cx, &process, "first", Effect::Idempotent, n).await?;
            let key = format!("{}/shaky", cx.path().as_str());
            cx.step("shaky", Effect::Idempotent, n, |n, step| async move {
                let failed = process.world().executions(&key) < failures;
                let busy = || AgentError::transient("busy");
                process.perform(&step, || if failed { Err(busy()) } else { Ok(n) }).await
            })
            .await
        }
    })
    .boxed()
}

fn attempts(max: u32) -> RetryPolicy {
    RetryPolicy::new(NonZeroU32::new(max).unwrap())
}

async fn survives<A, B>(build: B) -> usize
where
    A: BaseAgent<Input = u64, Output = u64>,
    B: Fn(Process) -> A,
{
    let examined = CrashTest::new(build).with_input(1).with_seed(11).with_crashes(2).run().await;
    let examined = examined.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(examined.parked, 0, "nothing here is to be parked");
    assert!(examined.crashes > 10, "{examined:?}");
    examined.crashes
}

#[tokio::test(start_paused = true)]
async fn whose_time_was_up_is_not_asked_again() {
    let minute = Duration::from_secs(60);
    survives(|process| slow(&process).with_timeout(minute).with_fallback(other(&process))).await;
    survives(|process| {
        let retried = slow(&process).with_timeout(minute).with_retry(attempts(3));
        retried.with_fallback(other(&process))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn attempts_and_a_fallback_end_the_same_wherever_the_process_dies() {
    // More failures than attempts: how ever many of them a crash has repeated, the other answers.
    survives(|process| flaky(&process, 99).with_retry(attempts(3)).with_fallback(other(&process)))
        .await;
    survives(|process| flaky(&process, 2).with_retry(attempts(3))).await;
    // A retry of a retry: nine attempts in all.
    survives(|process| flaky(&process, 8).with_retry(attempts(3)).boxed().with_retry(attempts(3)))
        .await;
}
