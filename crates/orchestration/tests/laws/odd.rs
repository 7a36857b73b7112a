//! Odd inputs and settings.

use std::time::Duration;

use futures::{StreamExt, stream};
use maniple_core::{Class, agent_fn};
use maniple_orchestration::{ForkJoin, Inputs, MapReduce, PatternError, Pipeline};

use crate::item::*;
use crate::lab::*;

fn items(count: u32) -> Vec<Item> {
    (0..count).map(|n| Item::good(n, 1)).collect()
}

#[test]
fn a_stream_that_never_gives_anything_can_be_stopped() {
    for after in [0, 7] {
        simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).collect_all();
            let inputs = Inputs::stream(stream::iter(items(3)).chain(stream::pending()));
            let cx = lab.cx().with_deadline(Duration::from_millis(after));
            let reported = map.run_reported(inputs, &cx).await;
            assert_eq!(reported.result.unwrap_err().class(), Class::DeadlineExceeded);
            check_report(&reported.report);
        });
    }
    simulate_dropping(async |lab| {
        let flow = Pipeline::new("flow", worker(&lab.gauge)).flow();
        let cx = lab.cx();
        let running = flow.run_reported(Inputs::stream(stream::pending()), &cx);
        assert!(tokio::time::timeout(Duration::from_secs(1), running).await.is_err());
    });
}

#[test]
fn a_stream_that_stalls_does_not_hold_up_a_quorum() {
    simulate(async |lab| {
        let map = MapReduce::collect("map", worker(&lab.gauge)).quorum(2);
        let inputs = Inputs::stream(stream::iter(items(2)).chain(stream::pending()));
        let reported = map.run_reported(inputs, &lab.cx()).await;
        assert_eq!(reported.result.unwrap().ok, [0, 1]);
    });
}

#[test]
fn a_stream_that_stalls_does_not_hold_up_a_failure() {
    simulate(async |lab| {
        let map = MapReduce::collect("map", worker(&lab.gauge));
        let bad = Item { end: End::FailsForGood, ..Item::good(1, 1) };
        let inputs = Inputs::stream(stream::iter([bad]).chain(stream::pending()));
        let reported = map.run_reported(inputs, &lab.cx()).await;
        assert_eq!(reported.result.unwrap_err().class(), Class::Permanent);
    });
}

#[test]
fn any_limit_is_allowed() {
    for limit in [0, 1, usize::MAX / 4, usize::MAX] {
        simulate(async |lab| {
            let numbers: Vec<u32> = (0..40).collect();
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let result = map.run_reported(items(40), &lab.cx()).await.result;
            assert_eq!(result.unwrap(), numbers);

            let flow = Pipeline::new("flow", worker(&lab.gauge)).with_concurrency(limit);
            let flow = flow.then(agent_fn("same", |n: u32, _cx| async move { Ok(n) }));
            let flow = flow.with_concurrency(limit).flow().with_buffer(limit);
            let cx = lab.run.context().child("flow");
            assert_eq!(flow.run_reported(items(40), &cx).await.result.unwrap(), numbers);
            let cx = lab.run.context().child("by key");
            let flow = flow.fifo_by(|_| 0);
            assert_eq!(flow.run_reported(items(40), &cx).await.result.unwrap(), numbers);

            let agents = (worker(&lab.gauge), worker(&lab.gauge));
            let join = ForkJoin::new("join", agents).with_concurrency(limit);
            let cx = lab.run.context().child("join");
            assert_eq!(join.run_reported(Item::good(3, 0), &cx).await.result.unwrap(), (3, 3));
        });
    }
}

/// A stream that says that it is endless is no reason to start workers for all of it.
#[test]
fn an_endless_stream_starts_as_many_workers_as_it_keeps_busy() {
    simulate(async |lab| {
        let endless = Inputs::stream(stream::iter((0..).map(|n| Item::good(n, 0))));
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(1 << 40).quorum(3);
        let reported = map.run_reported(endless, &lab.cx()).await;
        assert_eq!(reported.result.unwrap().ok.len(), 3);
        assert!(lab.gauge.most() <= 512, "{} at a time", lab.gauge.most());
    });
}

#[test]
fn no_input_at_all() {
    simulate(async |lab| {
        let map = || MapReduce::collect("map", worker(&lab.gauge)).durable();
        let cx = |name: &str| lab.run.context().child(name);
        let none = Vec::new;
        assert_eq!(map().run_reported(none(), &cx("a")).await.result.unwrap(), [0; 0]);
        let empty = Inputs::stream(stream::empty());
        assert_eq!(map().run_reported(empty, &cx("b")).await.result.unwrap(), [0; 0]);
        let partial = map().best_effort(0).run_reported(none(), &cx("c")).await.result.unwrap();
        assert!(partial.is_complete());
        let error = map().quorum(0).run_reported(none(), &cx("d")).await.result.unwrap_err();
        let too_few = PatternError::TooFew {
            needed: 1,
            succeeded: 0,
            of: 0,
            first: None,
            class: Class::Permanent,
        };
        assert_eq!((error.class(), error.to_string()), (Class::Permanent, too_few.to_string()));
        let empty = Inputs::stream(stream::empty());
        let error = map().quorum(1).run_reported(empty, &cx("e")).await.result.unwrap_err();
        assert_eq!(error.class(), Class::Permanent);
        let flow = Pipeline::new("flow", worker(&lab.gauge)).durable().flow().with_buffer(0);
        assert_eq!(flow.run_reported(none(), &cx("f")).await.result.unwrap(), [0; 0]);
    });
}

#[test]
fn without_grace_whoever_is_stopped_is_aborted() {
    simulate(async |lab| {
        let began = tokio::time::Instant::now();
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(3);
        let bad = Item { end: End::FailsForGood, ..Item::good(1, 1) };
        let items = vec![Item::good(0, 60_000), bad, Item::good(2, 60_000)];
        let map = map.with_grace(Duration::ZERO);
        let reported = map.run_reported(items, &lab.cx()).await;
        check_report(&reported.report);
        assert_eq!(reported.report.cancelled, 2);
        assert!(began.elapsed() < Duration::from_secs(1));
    });
}
