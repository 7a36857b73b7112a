//! What the strategies make is of use, bounded, and shrinks to what is harmless.

#![cfg(feature = "proptest")]
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maniple_core::{Budget, Class, Effect, Payload, Permissions, Run, agent_fn};
use maniple_testkit::{CrashSchedule, Fault, FaultSchedule, Faults, FaultyAgent, Moment, strategy};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestError, TestRunner};
use serde_json::Value;

/// The value to which everything shrinks.
fn smallest<S: Strategy>(strategy: &S) -> S::Value {
    let mut tree = strategy.new_tree(&mut TestRunner::deterministic()).unwrap();
    while tree.simplify() {}
    tree.current()
}

/// Some values, of which no two runs make others.
fn some<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..300).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn values_in(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values_in).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(values_in).sum::<usize>(),
        _ => 1,
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

#[test]
fn everything_shrinks_to_what_is_harmless() {
    assert_eq!(smallest(&strategy::text(9)), "");
    assert!(values_in(&smallest(&strategy::json(20))) <= 1);
    assert!(smallest(&strategy::orders()).is_empty());
    assert_eq!(smallest(&strategy::fault_schedules(50, 5)), FaultSchedule::none());
    let opening = smallest(&strategy::openings());
    assert_eq!((opening.deadline, opening.permissions), (None, Permissions::all()));
}

#[test]
fn a_fault_that_is_needed_shrinks_to_the_mildest_of_the_first_call() {
    let some = strategy::fault_schedules(50, 5)
        .prop_filter("a fault", |schedule| !schedule.faults().is_empty());
    assert_eq!(smallest(&some), FaultSchedule::at([(0, Fault::Transient)]));
}

/// An agent that has an effect outside of a step, called until it is through.
async fn effects_under(schedule: FaultSchedule) -> u64 {
    let faults = Faults::new(schedule);
    let effects = Arc::new(AtomicU64::new(0));
    let has_effects = effects.clone();
    let agent = agent_fn("agent", move |(): (), _| {
        has_effects.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let agent = Arc::new(FaultyAgent::new(agent, &faults));
    let run = Run::builder("test").with_budget(Budget::tokens(9)).open().await.unwrap();
    for _ in 0..9 {
        match run.execute(agent.clone(), ()).await {
            Err(error) if error.class() != Class::Permanent => {}
            _ => break,
        }
    }
    effects.load(Ordering::Relaxed)
}

#[test]
fn a_test_that_fails_under_faults_shrinks_to_the_one_that_matters() {
    let schedules = strategy::fault_schedules_of(&Fault::ENDING, 6, 6);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let failed = TestRunner::new(config).run(&schedules, |schedule| {
        prop_assert!(runtime.block_on(effects_under(schedule)) <= 1);
        Ok(())
    });
    let Err(TestError::Fail(_, schedule)) = failed else { panic!("{failed:?}") };
    assert_eq!(schedule, FaultSchedule::at([(0, Fault::LostAnswer)]));
}

#[test]
fn every_kind_comes() {
    let schedules = some(&strategy::fault_schedules(10, 5));
    let met: BTreeSet<_> = schedules.iter().flat_map(|s| s.faults().values().copied()).collect();
    assert_eq!(met, BTreeSet::from(Fault::ALL));
    let schedules = some(&strategy::crash_schedules(10, 3));
    let met: BTreeSet<_> =
        schedules.iter().flat_map(CrashSchedule::points).map(|p| p.moment).collect();
    assert_eq!(met, BTreeSet::from(Moment::ALL));
    let openings = some(&strategy::openings());
    let highest: BTreeSet<_> = openings.iter().map(|o| o.permissions.highest_effect()).collect();
    assert_eq!(highest.len(), 4);
    let limited = openings.iter().filter(|o| o.budget != Budget::UNLIMITED).count();
    assert!((50..250).contains(&limited), "{limited}");
    let values = some(&strategy::json(20));
    assert!(values.iter().any(Value::is_object) && values.iter().any(Value::is_array));
    assert!(values.iter().any(Value::is_f64) && values.iter().any(Value::is_i64));
    let text = some(&strategy::text(9)).concat();
    assert!(['"', '\\', '\n', '\0', '名', '\u{2028}'].iter().all(|c| text.contains(*c)));
}

#[test]
fn of_nothing_there_is_none() {
    assert_eq!(smallest(&strategy::fault_schedules(0, 5)), FaultSchedule::none());
    let none = some(&strategy::fault_schedules_of(&[], 9, 5));
    assert!(none.iter().all(|schedule| schedule.faults().is_empty()));
    let none = some(&strategy::crash_schedules(0, 5));
    assert!(none.iter().all(|schedule| schedule.points().is_empty()));
}

proptest! {
    #[test]
    fn a_json_value_is_bounded_and_survives_a_journal(value in strategy::json(20)) {
        prop_assert!(depth(&value) <= 4);
        let read: Value = Payload::encode(&value).unwrap().decode().unwrap();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn what_is_scheduled_is_bounded(
        faults in strategy::fault_schedules_of(&Fault::ENDING, 7, 3),
        crashes in strategy::crash_schedules(9, 2),
        orders in strategy::orders(),
    ) {
        prop_assert!(faults.faults().len() <= 3);
        prop_assert!(faults.faults().iter().all(|(call, f)| *call < 7 && Fault::ENDING.contains(f)));
        prop_assert!(crashes.points().len() <= 2);
        prop_assert!(crashes.points().iter().all(|point| point.record < 9));
        prop_assert!(orders.len() <= 4 && orders.iter().all(|(_, many)| (1..10).contains(many)));
    }

    #[test]
    fn a_run_is_opened_with_what_was_made(opening in strategy::openings()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let (seen, permitted) = runtime.block_on(async {
            let run = opening.apply(Run::builder("test")).open().await.unwrap();
            let looks = agent_fn("looks", |(): (), cx| async move {
                let charge = cx.step("charge", Effect::Irreversible, (), |(), _| async { Ok(()) });
                Ok((cx.remaining(), cx.time_left(), charge.await.is_ok()))
            });
            let cx = run.context();
            let seen = (cx.remaining(), cx.time_left(), cx.permissions().clone());
            (seen, run.execute(looks, ()).await.map(|(_, _, permitted)| permitted))
        });
        prop_assert_eq!(&seen, &(opening.budget, opening.deadline, opening.permissions.clone()));
        if let Ok(permitted) = permitted {
            let all = opening.permissions.highest_effect() == Effect::Irreversible;
            prop_assert_eq!(permitted, all && opening.deadline != Some(std::time::Duration::ZERO));
        }
    }
}
