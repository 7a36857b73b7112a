//! What the first pages of the crate show, and the text of the report in them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Budget, Effect, RunContext, agent_fn};
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

/// It draws the number of its invoice outside of a step, so that a resumed order has another one.
fn broken(shop: Process) -> impl BaseAgent<Input = String, Output = String> {
    agent_fn("order", move |item: String, cx| {
        let shop = shop.clone();
        async move {
            let reserved = act(&cx, &shop, "reserve", item).await?;
            let invoices = shop.world().keep("invoices", || Arc::new(AtomicU64::new(1)));
            let invoice = invoices.fetch_add(1, Ordering::Relaxed);
            let bill = format!("{reserved} on invoice {invoice}");
            let charged = act(&cx, &shop, "charge", bill).await?;
            act(&cx, &shop, "ship", charged).await
        }
    })
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
