//! Agents that survive.

use maniple_core::{
    AgentError, BaseAgent, Budget, Class, Effect, MemoryJournal, RunBuilder, agent_fn,
};
use maniple_orchestration::MapReduce;
use maniple_testkit::{
    CrashSchedule, CrashTest, Fault, FaultSchedule, Faults, FaultyAgent, Level, Moment, Process,
    Wrong,
};
use serde_json::json;

use crate::agents::{add_one, adds_two};

#[tokio::test(start_paused = true)]
async fn every_record_is_crashed_in_every_moment() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1);
    let examined = test.run().await.unwrap();
    // Start, two intents, two receipts, end.
    assert_eq!(examined.records, 6);
    assert_eq!(examined.runs, 1 + 3 * 6);
    assert_eq!(examined.crashes, 3 * 6);
    assert!(examined.is_complete());
    assert_eq!(examined.to_string(), "6 records, 19 runs; 18 of 18 ways to have 1 crash");
}

#[tokio::test(start_paused = true)]
async fn crashes_follow_each_other() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1).with_crashes(2);
    let examined = test.run().await.unwrap();
    let Level { possible, tried, .. } = examined.levels[1];
    assert_eq!(possible, tried);
    assert!(possible > 100, "{possible}");
    assert_eq!(examined.crashes, 18 + 2 * possible);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_said() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1).with_crashes(2);
    let examined = test.with_runs(30).run().await.unwrap();
    assert!(!examined.is_complete());
    assert_eq!(examined.runs, 30);
    assert_eq!((examined.levels[0].tried, examined.levels[1].tried), (18, 11));
    assert!(examined.to_string().ends_with("; the rest was left out"), "{examined}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_parks_unless_the_world_is_asked() {
    let test = CrashTest::new(adds_two(Effect::Irreversible)).with_input(1);
    assert!(test.run().await.unwrap().parked > 0);
    let asks = test.with_run(|run, world| run.with_reconciler(world.reconciler()));
    assert_eq!(asks.run().await.unwrap().parked, 0);
}

#[tokio::test(start_paused = true)]
async fn signals_are_answered() {
    let build = |process: Process| {
        agent_fn("asks", move |(): (), cx| {
            let process = process.clone();
            async move {
                let n = add_one(&cx, &process, "before", Effect::Idempotent, 1).await?;
                let answer: u64 = cx.signal("answer").await?;
                add_one(&cx, &process, "after", Effect::Idempotent, n + answer).await
            }
        })
    };
    let test = CrashTest::new(build).with_answers(|_| json!(40)).with_crashes(2);
    assert!(test.run().await.unwrap().records > 6);
    // Without an answer it waits in each of them, and that is how it ends.
    CrashTest::new(build).run().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_transiently_is_executed_again() {
    let build = |process: Process| {
        agent_fn("fails", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let key = format!("{}/shaky", cx.path().as_str());
                cx.step("shaky", Effect::Idempotent, n, |n, step| async move {
                    let tries = process.world().executions(&key);
                    let busy = || AgentError::transient("busy");
                    process.perform(&step, || if tries < 2 { Err(busy()) } else { Ok(n) }).await
                })
                .await
            }
        })
    };
    CrashTest::new(build).with_input(1).with_crashes(2).run().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_may_be_done_again_whatever_it_is() {
    // A call that never arrived, of which only the service knows that it did not.
    let build = |process: Process| {
        agent_fn("fails", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let key = format!("{}/charge", cx.path().as_str());
                cx.step("charge", Effect::Irreversible, n, |n, step| async move {
                    let is_first = process.world().executions(&key) == 0;
                    let lost = || AgentError::new(Class::Indeterminate, "the line was cut");
                    process.perform(&step, || if is_first { Err(lost()) } else { Ok(n) }).await
                })
                .await
            }
        })
    };
    let test = CrashTest::new(build).with_input(1).with_crashes(2);
    let asks = test.with_run(|run, world| run.with_reconciler(world.reconciler()));
    // Without one it is parked in every run, the uncrashed one too; with one it is done.
    assert_eq!(asks.run().await.unwrap().parked, 0);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_replayed_alone() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1);
    let schedule = CrashSchedule::new([(3, Moment::Lost), (1, Moment::Before)]);
    let examined = test.replay(&schedule).await.unwrap();
    assert_eq!((examined.runs, examined.crashes), (2, 2));
    let json = serde_json::to_string(&schedule).unwrap();
    assert_eq!(json, r#"[{"record":3,"moment":"lost"},{"record":1,"moment":"before"}]"#);
    assert_eq!(serde_json::from_str::<CrashSchedule>(&json).unwrap(), schedule);
}

#[tokio::test]
async fn a_clock_that_runs_is_refused() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1);
    assert_eq!(test.run().await.unwrap_err().wrong, Wrong::ClockRuns);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_in_the_world_is_made_once_a_run() {
    let build = |process: Process| -> Box<dyn BaseAgent<Input = (), Output = usize>> {
        let journal = process.world().keep("journal", MemoryJournal::new);
        // Of another type, so it is another one.
        assert_eq!(process.world().keep("journal", || 7), 7);
        Box::new(agent_fn("looks", move |(): (), _| {
            let records = journal.records().len();
            async move { Ok(records) }
        }))
    };
    CrashTest::new(build).run().await.unwrap();
}

/// A durable map over three inputs, two at a time.
fn in_parallel(process: &Process) -> impl BaseAgent<Input = Vec<u64>, Output = Vec<u64>> + use<> {
    let agent = adds_two(Effect::Idempotent)(process.clone());
    MapReduce::collect("map", agent).with_concurrency(2).durable()
}

#[tokio::test(start_paused = true)]
async fn patterns_are_agents() {
    for seed in 0..5 {
        let test = CrashTest::new(|process| in_parallel(&process)).with_input(vec![1, 2, 3]);
        let test = test.with_seed(seed).with_crashes(2).with_runs(200);
        let examined = test.run().await.unwrap();
        assert_eq!(examined.runs, 200);
        assert!(examined.records > 18, "{examined}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_stands_beside_a_durable_pattern() {
    let limited = |run: RunBuilder| run.with_budget(Budget { calls: 5, ..Budget::ZERO });
    for fault in Fault::ENDING {
        let build = move |process: Process| {
            let schedule = FaultSchedule::at([(0, fault)]);
            let faults = process.world().keep("faults", || Faults::new(schedule));
            FaultyAgent::new(in_parallel(&process), &faults)
        };
        let test = CrashTest::new(build).with_input(vec![1, 2, 3]);
        test.with_run(move |run, _| limited(run)).run().await.unwrap();
    }
}
