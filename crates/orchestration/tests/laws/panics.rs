//! A panic at any poll never hangs a scope: invariant 7, with 1 and 3.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, agent_fn};
use maniple_orchestration::{ForkJoin, MapReduce, Pipeline};
use proptest::prelude::*;

use crate::item::config;
use crate::lab::*;

/// A future that panics when it is polled for the n-th time, and is woken again each time before.
struct Fuse {
    polls: u32,
    /// Whether it waits for a timer between two polls, or is woken at once.
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Fuse {
    fn new(polls: u32, sleeps: bool) -> Self {
        let sleep = sleeps.then(|| Box::pin(tokio::time::sleep(Duration::from_millis(1))));
        Self { polls, sleep }
    }
}

impl Future for Fuse {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(self.polls > 0, "the fuse has burnt down");
        self.polls -= 1;
        match &mut self.sleep {
            Some(sleep) => {
                if sleep.as_mut().poll(cx).is_ready() {
                    sleep.set(tokio::time::sleep(Duration::from_millis(1)));
                    cx.waker().wake_by_ref();
                }
            }
            None => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

/// What one child does: waits so long, or panics at its so manyth poll.
#[derive(Debug, Clone, Copy)]
enum Act {
    Ends(u64),
    Burns(u32, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => (0..9_u64).prop_map(Act::Ends),
        1 => (0..6_u32, any::<bool>()).prop_map(|(polls, sleeps)| Act::Burns(polls, sleeps)),
    ];
    prop::collection::vec(act, 1..9)
}

fn acting(gauge: &Gauge) -> impl BaseAgent<Input = Act, Output = ()> + use<> {
    let gauge = gauge.clone();
    agent_fn("acting", move |act: Act, _cx| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            match act {
                Act::Ends(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Act::Burns(polls, sleeps) => Fuse::new(polls, sleeps).await,
            }
            Ok(())
        }
    })
}

fn burns(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Burns(..))).count()
}

fn check<T: std::fmt::Debug>(result: Result<T, AgentError>, burns: usize) {
    match result {
        Ok(_) => assert_eq!(burns, 0),
        Err(error) => {
            assert_eq!(error.class(), Class::Panicked, "{error}");
            assert!(error.to_string().contains("the fuse has burnt down"), "{error}");
            assert!(burns > 0);
        }
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn of_a_child_of_a_map(acts in acts(), limit in 1..5_usize, grace in 0..3_u64) {
        simulate(async |lab| {
            let map = MapReduce::collect("map", acting(&lab.gauge)).with_concurrency(limit);
            let map = map.with_grace(Duration::from_millis(grace));
            let reported = map.run_reported(acts.clone(), &lab.cx()).await;
            check_report(&reported.report);
            check(reported.result, burns(&acts));
        });
    }

    #[test]
    fn of_a_tolerated_child(acts in acts(), limit in 1..5_usize) {
        simulate(async |lab| {
            let map = MapReduce::collect("map", acting(&lab.gauge)).with_concurrency(limit);
            let reported = map.collect_all().run_reported(acts.clone(), &lab.cx()).await;
            check_report(&reported.report);
            let partial = reported.result.unwrap();
            assert_eq!(left_out(&partial).len(), burns(&acts));
            assert!(partial.failed.iter().all(|(_, error)| error.class() == Class::Panicked));
        });
    }

    #[test]
    fn of_a_stage_of_a_flow(acts in acts(), limit in 1..4_usize, by_key in any::<bool>()) {
        simulate(async |lab| {
            let first = agent_fn("first", |act: Act, _cx| async move { Ok(act) });
            let flow = Pipeline::new("flow", first).then(acting(&lab.gauge)).with_concurrency(limit);
            let flow = flow.flow().with_buffer(0);
            let flow = if by_key { flow.fifo_by(|_| 0) } else { flow };
            let reported = flow.run_reported(acts.clone(), &lab.cx()).await;
            check_report(&reported.report);
            check(reported.result, burns(&acts));
        });
    }

    #[test]
    fn of_a_branch_or_a_stage(polls in 0..6_u32, sleeps in any::<bool>(), other in 0..6_u64) {
        simulate(async |lab| {
            let agents = (acting(&lab.gauge), acting(&lab.gauge));
            let join = ForkJoin::new("join", agents);
            let reported = join.run_reported(Act::Burns(polls, sleeps), &lab.cx()).await;
            check_report(&reported.report);
            check(reported.result, 1);

            let first = agent_fn("first", move |(): (), _cx| async move {
                tokio::time::sleep(Duration::from_millis(other)).await;
                Ok(Act::Burns(polls, sleeps))
            });
            let pipeline = Pipeline::new("pipeline", first).then(acting(&lab.gauge));
            let cx = lab.run.context().child("pipeline");
            let reported = pipeline.run_reported((), &cx).await;
            check_report(&reported.report);
            check(reported.result, 1);
        });
    }
}
