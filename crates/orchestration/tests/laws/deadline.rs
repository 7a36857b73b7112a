//! Nothing begins after a deadline, or after being cancelled: invariant 5, with 1 and 3.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, Effect, agent_fn};
use maniple_orchestration::{ForkJoin, MapReduce, Pipeline, ScatterGather};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::item::*;
use crate::lab::*;

/// When steps began, in milliseconds.
type Began = Arc<Mutex<Vec<u64>>>;

/// An agent of two steps, each of which takes as long as the item says.
fn stepper(gauge: &Gauge, began: &Began) -> impl BaseAgent<Input = Item, Output = Item> + use<> {
    let (gauge, began, zero) = (gauge.clone(), began.clone(), Instant::now());
    agent_fn("stepper", move |item: Item, cx| {
        let (alive, began) = (gauge.enter(), began.clone());
        async move {
            let _alive = alive;
            for name in ["one", "two"] {
                let began = began.clone();
                cx.step(name, Effect::Pure, item.millis, |millis, _| async move {
                    began.lock().unwrap().push(u64::try_from(zero.elapsed().as_millis()).unwrap());
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    Ok::<_, AgentError>(())
                })
                .await?;
            }
            Ok(item)
        }
    })
}

/// How the run is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Deadline,
    Cancel,
}

/// Which pattern is stopped.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Map,
    CollectAll,
    Quorum,
    Flow,
    FlowByKey,
    Pipeline,
    Join,
    Gather,
    Majority,
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Map,
        Kind::CollectAll,
        Kind::Quorum,
        Kind::Flow,
        Kind::FlowByKey,
        Kind::Pipeline,
        Kind::Join,
        Kind::Gather,
        Kind::Majority,
    ])
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn nothing_begins_after_it(
        kind in kinds(), items in good_items(16), limit in 1..5_usize, after in 0..30_u64,
        grace in 0..20_u64, stop in prop_oneof![Just(Stop::Deadline), Just(Stop::Cancel)],
    ) {
        simulate(async |lab| {
            let began = Began::default();
            let agent = || stepper(&lab.gauge, &began);
            let (after, grace) = (Duration::from_millis(after), Duration::from_millis(grace));
            let cx = match stop {
                Stop::Deadline => lab.cx().with_deadline(after),
                Stop::Cancel => lab.cx(),
            };
            let first = items.first().copied().unwrap_or(Item::good(0, 7));
            let zero = Instant::now();
            let running = async {
                let map = MapReduce::collect("map", agent()).with_concurrency(limit).with_grace(grace);
                let flow = Pipeline::new("flow", agent()).with_concurrency(limit).then(agent())
                    .with_grace(grace);
                match kind {
                    Kind::Map => ended(map.run_reported(items.clone(), &cx).await),
                    Kind::CollectAll => ended(map.collect_all().run_reported(items.clone(), &cx).await),
                    Kind::Quorum => ended(map.quorum(3).run_reported(items.clone(), &cx).await),
                    Kind::Flow => ended(flow.flow().run_reported(items.clone(), &cx).await),
                    Kind::FlowByKey => {
                        let flow = flow.flow().fifo_by(|item: &Item| item.number % 2).fail_item();
                        ended(flow.run_reported(items.clone(), &cx).await)
                    }
                    Kind::Pipeline => ended(flow.run_reported(first, &cx).await),
                    Kind::Join => {
                        let join = ForkJoin::new("join", (agent(), agent(), agent()));
                        let join = join.with_concurrency(limit).with_grace(grace);
                        ended(join.run_reported(first, &cx).await)
                    }
                    Kind::Gather | Kind::Majority => {
                        let gather = ScatterGather::new("gather", (0..5).map(|n| (n, agent())));
                        let gather = gather.with_concurrency(limit).with_grace(grace);
                        if matches!(kind, Kind::Gather) {
                            ended(gather.run_reported(first, &cx).await)
                        } else {
                            ended(gather.majority(Item::eq).run_reported(first, &cx).await)
                        }
                    }
                }
            };
            let stopping = async {
                tokio::time::sleep(after).await;
                if matches!(stop, Stop::Cancel) {
                    lab.run.cancel();
                }
            };
            let (class, ()) = tokio::join!(running, stopping);
            // A timer of tokio may be a millisecond late.
            let last = began.lock().unwrap().iter().max().copied().unwrap_or(0);
            let stopped = u64::try_from(after.as_millis()).unwrap();
            assert!(last <= stopped + 1, "a step began at {last}, {stop:?} at {stopped}");
            let took = zero.elapsed();
            let allowed = after + grace + Duration::from_millis(3);
            match class {
                None => {}
                Some(Class::DeadlineExceeded) => assert!(matches!(stop, Stop::Deadline)),
                Some(Class::Cancelled) => assert!(matches!(stop, Stop::Cancel)),
                Some(Class::Permanent) => assert!(matches!(kind, Kind::Quorum) && items.len() < 3),
                Some(class) => panic!("it ended as {class:?}"),
            }
            if class.is_some() {
                assert!(took <= allowed, "it took {took:?} of {allowed:?}");
            }
        });
    }
}

fn ended<T>(reported: maniple_orchestration::Reported<T>) -> Option<Class> {
    check_report(&reported.report);
    reported.result.err().map(|error| error.class())
}
