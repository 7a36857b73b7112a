//! Many threads: the laws that hold whatever the scheduler does, in real time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Run, agent_fn};
use maniple_orchestration::{ForkJoin, MapReduce, Pipeline, combiner};
use tokio::runtime::Handle;
use tokio::sync::Notify;

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
    check_quiet(&run).await;
}

/// Fails where a task of the run does not end.
async fn check_quiet(run: &Run) {
    let quiet = async {
        run.quiesce().await;
        // Of a task that has ended, its thread may still have to take note.
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), quiet).await.expect("a task outlived the run");
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
    check_quiet(&run).await;
}

/// It blocks its thread for longer than the pattern waits: a zombie.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_never_lets_go_is_left_behind_and_listed() {
    for kind in 0..3 {
        let run = Run::builder("laws").open().await.unwrap();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let (begins, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (begun.clone(), begins.clone());
        let agent = agent_fn("agent", move |blocks: bool, _cx| {
            let (blocked, tell, wait) = (blocked.clone(), tell.clone(), wait.clone());
            async move {
                if blocks {
                    tell.notify_one();
                    // Until the test lets go of the other end.
                    blocked.lock().unwrap().recv().unwrap_err();
                    return Ok(blocks);
                }
                wait.notified().await;
                Err(AgentError::permanent("bad"))
            }
        });
        let agent = Arc::new(agent);
        let one = |blocks| {
            let agent = agent.clone();
            agent_fn("one", move |(): (), cx| {
                let agent = agent.clone();
                async move { agent.run(blocks, &cx).await }
            })
        };
        let cx = run.context().child("pattern");
        let reported = async {
            let grace = Duration::ZERO;
            match kind {
                0 => {
                    let map = MapReduce::collect("map", agent.clone()).with_concurrency(2);
                    let reported = map.with_grace(grace).run_reported(vec![true, false], &cx).await;
                    (reported.result.unwrap_err(), reported.report)
                }
                1 => {
                    let flow = Pipeline::new("flow", agent.clone()).with_concurrency(2);
                    let flow = flow.with_grace(grace).flow();
                    let reported = flow.run_reported(vec![true, false], &cx).await;
                    (reported.result.unwrap_err(), reported.report)
                }
                _ => {
                    let fork = ForkJoin::new("fork", (one(true), one(false))).with_grace(grace);
                    let reported = fork.run_reported((), &cx).await;
                    (reported.result.unwrap_err(), reported.report)
                }
            }
        };
        let start = async {
            begun.notified().await;
            begins.notify_one();
        };
        let reported = async { tokio::join!(reported, start).0 };
        let (error, report) =
            tokio::time::timeout(Duration::from_secs(60), reported).await.unwrap();
        assert_eq!(error.to_string(), "bad");
        check_report(&report);
        assert_eq!((report.started, report.failed, report.cancelled), (2, 1, 1));
        drop(release);
        check_quiet(&run).await;
    }
}
