//! What a pattern measures of itself.

use std::time::Duration;

use futures::stream;
use maniple_core::agent_fn;
use maniple_orchestration::{ForkJoin, Inputs, MapReduce, PatternReport, Pipeline};
use tokio::time::sleep;

use crate::item::*;
use crate::lab::*;

/// The milliseconds of the wall, of waiting for room, and of work.
fn check_times(report: &PatternReport, wall: u64, queued: u64, ran: u64) {
    let got = [report.wall, report.queued, report.ran, report.settled].map(|time| time.as_millis());
    for (got, expected) in got.into_iter().zip([wall, queued, ran, 0]) {
        let expected = u128::from(expected);
        // A timer of tokio may be a millisecond late, and some wait for several.
        assert!((expected..=expected + 8).contains(&got), "{got} and not {expected}: {report:?}");
    }
}

/// Two at a time: the third begins after 100, the fourth after 300.
fn four() -> Vec<Item> {
    [400, 100, 200, 300].map(|millis| Item::good(1, millis)).into()
}

#[test]
fn of_a_map_the_times_are_those_of_its_children() {
    let map = async |lab: &Lab, inputs: Inputs<Item>| {
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(2);
        map.run_reported(inputs, &lab.cx()).await.report
    };
    let listed = simulate(async |lab| map(lab, four().into()).await);
    check_times(&listed, 600, 100 + 300, 1_000);
    // It gives each after another 100, and nothing lies ready.
    let slow = || {
        stream::unfold(four().into_iter(), |mut items| async {
            let item = items.next()?;
            sleep(Duration::from_millis(100)).await;
            Some((item, items))
        })
    };
    let streamed = simulate(async |lab| map(lab, Inputs::stream(slow())).await);
    check_times(&streamed, 900, 0, 1_000);
}

#[test]
fn of_a_fork_the_times_are_those_of_its_branches() {
    let report = simulate(async |lab| {
        let agents = (worker(&lab.gauge), worker(&lab.gauge), worker(&lab.gauge));
        let fork = ForkJoin::new("fork", agents).with_concurrency(1);
        fork.run_reported(Item::good(1, 100), &lab.cx()).await.report
    });
    check_times(&report, 300, 100 + 200, 300);
}

#[test]
fn of_a_pipeline_the_times_are_those_of_its_stages() {
    let report = simulate(async |_| {
        let stage = |millis| {
            agent_fn("stage", move |(): (), _cx| async move {
                sleep(Duration::from_millis(millis)).await;
                Ok(())
            })
        };
        let pipeline = Pipeline::new("pipeline", stage(100)).then(stage(200));
        let run = maniple_core::Run::builder("report").open().await.unwrap();
        let cx = run.context().child("pipeline");
        let report = pipeline.run_reported((), &cx).await.report;
        run.quiesce().await;
        report
    });
    check_times(&report, 300, 0, 300);
}

#[test]
fn a_child_that_was_aborted_or_never_began_has_no_times() {
    let items: Vec<Item> = [100, 60_000, 100].map(|millis| Item::good(1, millis)).into();
    let run = async |lab: &Lab| {
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(2).quorum(1);
        let map = map.with_grace(Duration::from_millis(10)).durable();
        let report = map.run_reported(items.clone(), &lab.cx()).await.report;
        (report, lab.journal.clone())
    };
    let (report, journal) = simulate(run);
    // The third may have begun before it was seen that the first is enough.
    assert!(report.cancelled >= 1, "{report:?}");
    check_times(&report, 110, 0, 100);
    let (again, _) = simulate_on(journal, run);
    assert_eq!((again.succeeded, again.cancelled), (1, report.cancelled));
    check_times(&again, 0, 0, 0);
}
