//! Agents that are broken, each in a way of its own.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use maniple_core::{
    AgentError, BaseAgent, Effect, Journal, JournalError, Key, MemoryJournal, Record, Source,
    agent_fn,
};
use maniple_testkit::{CrashSchedule, CrashTest, Failure, Leak, Moment, Process, Wrong};

use crate::agents::{add_one, adds_two, broken};

async fn failure<A, B>(test: CrashTest<B, u64>) -> Failure
where
    A: BaseAgent<Input = u64, Output = u64>,
    B: Fn(Process) -> A,
{
    let failure = test.run().await.expect_err("the agent is broken");
    // What is printed is what fails.
    let again = test.replay(&failure.schedule).await.expect_err("it fails again");
    assert_eq!(again.wrong, failure.wrong);
    assert_eq!(again.journal.len(), failure.journal.len());
    failure
}

#[tokio::test(start_paused = true)]
async fn an_output_that_depends_on_the_process_is_caught() {
    let build = broken(|process, _, n| async move { Ok(n + process.number()) });
    let failure = failure(CrashTest::new(build).with_input(1)).await;
    let differs = Wrong::Differs { expected: "Ok(3)".into(), found: "Ok(4)".into() };
    assert_eq!(failure.wrong, differs);
    assert_eq!(failure.schedule, CrashSchedule::new([(0, Moment::Before)]));
}

#[tokio::test(start_paused = true)]
async fn an_input_of_a_step_that_changes_is_caught() {
    let build = broken(|process, cx, n| async move {
        let number = process.number();
        add_one(&cx, &process, "third", Effect::Idempotent, number).await?;
        Ok(n)
    });
    let failure = failure(CrashTest::new(build).with_input(1)).await;
    // The first of the records behind which the journal knows the step.
    assert_eq!(failure.crashed[0].key().as_str(), "/adds/third");
    assert!(failure.to_string().contains("class: Diverged"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_two_crashes_is_caught_and_made_small() {
    let build = || broken(|process, _, n| async move { Ok(n + u64::from(process.number() > 1)) });
    CrashTest::new(build()).with_input(1).run().await.unwrap();
    let failure = failure(CrashTest::new(build()).with_input(1).with_crashes(3)).await;
    let smallest = CrashSchedule::new([(0, Moment::Before), (0, Moment::Before)]);
    assert_eq!(failure.schedule, smallest);
}

#[tokio::test(start_paused = true)]
async fn a_sampled_failure_is_made_small() {
    // It breaks wherever `second` has begun, and few of the places are tried.
    let build = broken(|process, _, n| async move {
        let began = process.world().keep("began", || Arc::new(AtomicU64::new(0)));
        Ok(n + began.fetch_add(1, Ordering::Relaxed).min(1))
    });
    let test = CrashTest::new(build).with_input(1).with_crashes(2).with_runs(14).with_seed(5);
    let failure = failure(test).await;
    // Only what comes after the agent has counted: the end of the run.
    let smallest = CrashSchedule::new([(5, Moment::Before)]);
    assert_eq!(failure.schedule, smallest);
    assert!(failure.shrunk_in > 0);
}

#[tokio::test(start_paused = true)]
async fn an_irreversible_effect_that_happens_twice_is_caught() {
    let build = |process: Process| {
        agent_fn("charges", move |n: u64, cx| {
            let process = process.clone();
            async move {
                // Asked whether the charge happened, its reconciler always says that it did not.
                add_one(&cx, &process, "charge", Effect::Irreversible, n).await
            }
        })
    };
    let rerun =
        || maniple_core::reconciler_fn(|_| std::future::ready(maniple_core::Reconciled::Rerun));
    let test = CrashTest::new(build).with_input(1);
    let failure = failure(test.with_run(move |run, _| run.with_reconciler(rerun()))).await;
    assert_eq!(failure.wrong, Wrong::Repeated { key: Key::new("/charges/charge"), times: 2 });
}

#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_its_run_is_caught() {
    let build = broken(|_, _, n| async move {
        drop(tokio::spawn(pending::<()>()));
        Ok(n)
    });
    let failure = CrashTest::new(build).with_input(1).run().await.unwrap_err();
    assert_eq!(failure.wrong, Wrong::Leaked(Leak::Tasks { before: 0, alive: 1 }));
    assert_eq!(failure.schedule, CrashSchedule::default());
}

#[tokio::test(start_paused = true)]
async fn what_the_world_is_told_is_caught() {
    let build = broken(|process, _, n| async move {
        if process.number() > 0 {
            process.world().violate("it was there before");
        }
        Ok(n)
    });
    let failure = failure(CrashTest::new(build).with_input(1)).await;
    assert!(matches!(failure.wrong, Wrong::Forbidden(_)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_hangs_after_a_crash_is_caught() {
    let build = broken(|process, _, n| async move {
        if process.number() > 0 { pending().await } else { Ok(n) }
    });
    let patience = Duration::from_secs(7200);
    let test = CrashTest::new(build).with_input(1).with_patience(patience);
    assert_eq!(failure(test).await.wrong, Wrong::NeverEnded { patience });
}

#[tokio::test(start_paused = true)]
async fn parking_without_a_doubt_is_caught() {
    let build = broken(|process, _, n| async move {
        let (step, reason) = (Key::new("/adds/second"), Arc::from("it is tired"));
        if process.number() > 0 { Err(AgentError::Parked { step, reason }) } else { Ok(n) }
    });
    let failure = failure(CrashTest::new(build).with_input(1)).await;
    assert!(matches!(failure.wrong, Wrong::Differs { .. }));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_ever_new_signals_is_caught() {
    let build = |process: Process| {
        agent_fn("asks", move |n: u64, cx| {
            let number = process.number();
            async move {
                cx.signal::<u64>(&format!("answer {number}")).await?;
                Ok(n)
            }
        })
    };
    let test = CrashTest::new(build).with_input(1).with_answers(|_| serde_json::json!(1));
    assert!(matches!(test.run().await.unwrap_err().wrong, Wrong::Unsettled { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_run_on_another_journal_is_caught() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1);
    let test = test.with_run(|run, _| run.with_journal(MemoryJournal::new()));
    assert_eq!(test.run().await.unwrap_err().wrong, Wrong::NotJournaled);
}

/// A journal that nobody can read.
#[derive(Debug)]
struct Unreadable;

impl Journal for Unreadable {
    fn append(&self, _: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        pending().boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        ready(Err(JournalError::Unreadable { source: Source::new("it is wet") })).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_delivered_is_caught() {
    let build = |_: Process| {
        agent_fn("asks", |n: u64, cx| async move { Ok(n + cx.signal::<u64>("answer").await?) })
    };
    let test = CrashTest::new(build).with_input(1).with_answers(|_| serde_json::json!(1));
    // The second to open the run is the one who delivers.
    let test = test.with_run(|run, world| {
        let opened = world.keep("opened", || Arc::new(AtomicU64::new(0)));
        if opened.fetch_add(1, Ordering::Relaxed) == 1 { run.with_journal(Unreadable) } else { run }
    });
    let failure = test.run().await.unwrap_err();
    assert!(matches!(failure.wrong, Wrong::Undelivered { .. }));
    assert!(failure.to_string().contains("it is wet"), "{failure}");
}
