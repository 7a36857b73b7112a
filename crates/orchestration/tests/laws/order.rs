//! Many threads: the laws that hold whatever the scheduler does, in real time.

use maniple_core::{Run, agent_fn};
use maniple_orchestration::{MapReduce, Pipeline, combiner};

use crate::lab::Gauge;

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
