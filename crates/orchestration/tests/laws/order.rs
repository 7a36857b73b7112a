//! Many threads: the laws that hold whatever the scheduler does, in real time.

use std::time::Duration;

use maniple_core::{Run, agent_fn};
use maniple_orchestration::{MapReduce, Pipeline, combiner};

use crate::lab::{Gauge, check_report};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_keep_limit_and_order() {
    let run = Run::builder("laws").open().await.unwrap();
    let gauge = Gauge::default();
    let agent = || {
        let gauge = gauge.clone();
        agent_fn("agent", move |n: u64, _cx| {
            let alive = gauge.enter();
            async move {
                let _alive = alive;
                for _ in 0..n % 5 {
                    tokio::task::yield_now().await;
                }
                Ok(n)
            }
        })
    };
    let inputs: Vec<u64> = (0..5_000).collect();
    let list = || {
        combiner(Vec::new, |mut a: Vec<u64>, b| {
            a.extend(b);
            a
        })
    };
    let one = || maniple_core::AgentExt::map(agent(), |n| vec![n]);

    let fold = MapReduce::new("fold", one(), list()).with_concurrency(7);
    assert_eq!(run.execute(fold, inputs.clone()).await.unwrap(), inputs);
    let tree = MapReduce::new("tree", one(), list().associative()).tree().with_concurrency(7);
    assert_eq!(run.execute(tree, inputs.clone()).await.unwrap(), inputs);
    assert!(gauge.most() <= 7);

    let flow = Pipeline::new("flow", agent()).with_concurrency(3).then(agent()).with_concurrency(2);
    let flow = flow.flow().with_buffer(1);
    assert_eq!(run.execute(flow, inputs.clone()).await.unwrap(), inputs);
    assert_eq!(gauge.now(), 0);
}

/// It cannot be aborted, and ends between the time at which it is given up and the end of the map.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_ends_after_it_was_given_up_is_listed() {
    let run = Run::builder("laws").open().await.unwrap();
    let agent = agent_fn("agent", |blocks: bool, _cx| async move {
        if blocks {
            std::thread::sleep(Duration::from_millis(350));
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(blocks)
    });
    let map = MapReduce::collect("map", agent).with_concurrency(2).quorum(1);
    let map = map.with_grace(Duration::ZERO);
    let cx = run.context().child("map");
    let reported = map.run_reported(vec![false, true], &cx);
    let reported = tokio::time::timeout(Duration::from_secs(60), reported).await.unwrap();
    check_report(&reported.report);
    assert_eq!((reported.report.started, reported.report.cancelled), (2, 1));
    let partial = reported.result.unwrap();
    assert_eq!((partial.ok, partial.cancelled), (vec![false], vec![1]));
}
