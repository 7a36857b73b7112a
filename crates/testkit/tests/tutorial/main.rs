//! What the first pages of the crate show, and the text of the report in them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![expect(clippy::needless_pass_by_value, reason = "a crash test gives the process away")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Budget, Effect};
use maniple_orchestration::{Given, Handle, Saga, StepBuilder};
use maniple_testkit::{
    CrashTest, Failure, Fault, FaultSchedule, Faults, FaultyAgent, Machine, Process, leaks_nothing,
};

include!("saga.rs");

#[tokio::test(start_paused = true)]
async fn an_order_survives_its_crashes() {
    let test = CrashTest::new(order).with_input("lamp".to_owned()).with_crashes(2);
    assert!(test.run().await.unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_fails_is_taken_back_wherever_it_dies() {
    let effects = Arc::new(Mutex::new(Vec::new()));
    let seen = effects.clone();
    let build = move |shop: Process| {
        seen.lock().unwrap().push(shop.world().clone());
        order(shop)
    };
    let test = CrashTest::new(build).with_input("piano".to_owned());
    assert!(test.run().await.unwrap().is_complete());
    for world in effects.lock().unwrap().iter() {
        for step in ["reserve", "charge"] {
            let undone = world.executions(&format!("/order/undo[{step}]/undo/{step}"));
            assert!(undone >= 1, "{step} is not taken back");
        }
        // Where it died while it shipped, nobody knows better than to ask for that back too.
        assert!(world.executions("/order/undo[ship]/undo/ship") <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_survives_faults_too() {
    let schedule = FaultSchedule::at([(0, Fault::LostAnswer), (1, Fault::Panic)]);
    let faulty = move |shop: Process| {
        let faults = shop.world().keep("faults", || Faults::new(schedule.clone()));
        FaultyAgent::new(order(shop), &faults)
    };
    CrashTest::new(faulty).with_input("lamp".to_owned()).run().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_dropped_half_way_leaves_nothing() {
    leaks_nothing(|| async {
        let machine = Machine::new(7);
        let run = machine.run().with_budget(Budget::tokens(100)).open().await.unwrap();
        let order = run.execute(order(machine.process()), "lamp".to_owned());
        tokio::time::timeout(Duration::from_millis(1), order).await.unwrap_err();
        run
    })
    .await
    .unwrap();
}

/// It looks for what is reserved in the memory of its process, and not in what the step was given.
fn broken(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
    let memory = Arc::new(Mutex::new("nothing".to_owned()));
    let (noted, known) = (memory.clone(), memory);
    let mut order = Saga::builder("order");
    let kept = ask(order.step("reserve"), &shop, move |item, ()| {
        noted.lock().unwrap().clone_from(&item);
        Ok(format!("reserve {item}"))
    });
    let paid = ask(order.step("charge").given(kept), &shop, move |_, _| {
        Ok(format!("charge {}", known.lock().unwrap()))
    });
    order.build(paid).unwrap()
}

async fn failure() -> Failure {
    let test = CrashTest::new(broken).with_input("lamp".to_owned()).with_crashes(2);
    test.run().await.expect_err("the agent is broken")
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_broken_order_is_the_one_that_is_shown() {
    let report = failure().await.to_string();
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&report), "the README has another report than this:\n{report}");
    let page = include_str!("../../src/lib.rs");
    let page: Vec<_> = page.lines().map(|line| line.trim_start_matches("//! ")).collect();
    assert!(page.join("\n").contains(&report), "lib.rs has another report than this:\n{report}");
}

#[tokio::test(start_paused = true)]
async fn unwrap_shows_the_report() {
    let failure = failure().await;
    assert_eq!(format!("{failure:?}"), failure.to_string());
}
