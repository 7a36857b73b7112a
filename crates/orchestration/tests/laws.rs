//! The laws of both patterns, over generated inputs, delays and failures, in simulated time.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, BaseAgent, Class, Fact, MemoryJournal, Outcome, Run, RunContext, agent_fn,
};
use maniple_orchestration::{MapReduce, PatternError, Pipeline, combiner};
use proptest::prelude::*;

/// What one input of a generated map does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Item {
    number: u32,
    millis: u64,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum End {
    Succeeds,
    FailsForGood,
    FailsForNow,
    Panics,
}

fn item() -> impl Strategy<Value = Item> {
    let end = prop_oneof![
        12 => Just(End::Succeeds),
        1 => Just(End::FailsForGood),
        1 => Just(End::FailsForNow),
        1 => Just(End::Panics),
    ];
    (any::<u32>(), 0..20_u64, end).prop_map(|(number, millis, end)| Item { number, millis, end })
}

/// Counts how many are alive at the same time.
#[derive(Debug, Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

struct Alive(Gauge);

impl Gauge {
    fn enter(&self) -> Alive {
        let now = self.0.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.1.fetch_max(now, Ordering::Relaxed);
        Alive(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn worker(gauge: &Gauge) -> impl BaseAgent<Input = Item, Output = Vec<u32>> + use<> {
    let gauge = gauge.clone();
    agent_fn("worker", move |item: Item, _cx: RunContext| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            tokio::time::sleep(Duration::from_millis(item.millis)).await;
            match item.end {
                End::Succeeds => Ok(vec![item.number]),
                End::FailsForGood => Err(AgentError::permanent(format!("{} is bad", item.number))),
                End::FailsForNow => Err(AgentError::transient("later")),
                End::Panics => panic!("{} panics", item.number),
            }
        }
    })
}

fn in_simulated_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Order, concurrency, containment, and that nothing outlives the pattern.
    #[test]
    fn map_reduce_keeps_its_laws(items in prop::collection::vec(item(), 0..24), limit in 1..6_usize) {
        let gauge = Gauge::default();
        let concatenate = combiner(Vec::new, |mut a: Vec<u32>, b| { a.extend(b); a });
        let map = MapReduce::new("map", worker(&gauge), concatenate).with_concurrency(limit);
        let journal = MemoryJournal::new();
        let (result, report) = in_simulated_time(async {
            let run = Run::builder("laws").with_journal(journal.clone()).open().await.unwrap();
            let map = map.durable();
            let cx = run.context().child("map");
            let reported = map.run_reported(items.clone(), &cx).await;
            assert_eq!(gauge.now(), 0, "a child outlived the pattern");
            (reported.result, reported.report)
        });
        prop_assert!(gauge.most() <= limit);
        let ended = report.succeeded + report.failed + report.cancelled + report.suspended;
        prop_assert_eq!(ended, report.started, "every child has one end");
        match result {
            Ok(numbers) => {
                prop_assert!(items.iter().all(|item| item.end == End::Succeeds));
                let expected: Vec<u32> = items.iter().map(|item| item.number).collect();
                prop_assert_eq!(numbers, expected, "in the order of the inputs");
            }
            Err(error) => {
                prop_assert!(items.iter().any(|item| item.end != End::Succeeds));
                // The permanent failure that was journaled first decides, where there is one.
                let first = journal.records().into_iter().find_map(|record| match record.fact {
                    Fact::Receipt { outcome: Outcome::Err(error), .. } => Some(error),
                    _ => None,
                });
                match first {
                    Some(first) => prop_assert_eq!(error.recorded(), first),
                    None => prop_assert!(
                        matches!(error.class(), Class::Transient | Class::Panicked), "{}", error
                    ),
                }
            }
        }
    }

    /// A pipeline is the composition of its stages, and ends with the first failure.
    #[test]
    fn pipeline_keeps_its_laws(stages in prop::array::uniform3((any::<u32>(), any::<bool>()))) {
        let stage = |name: &'static str, (add, fails): (u32, bool)| {
            agent_fn(name, move |mut seen: Vec<u32>, _cx: RunContext| async move {
                seen.push(add);
                if fails { Err(AgentError::permanent(format!("{name} after {seen:?}"))) } else { Ok(seen) }
            })
        };
        let pipeline = Pipeline::new("pipeline", stage("a", stages[0]))
            .then(stage("b", stages[1]))
            .then(stage("c", stages[2]));
        let result = in_simulated_time(async {
            let run = Run::builder("laws").open().await.unwrap();
            run.execute(pipeline, Vec::new()).await
        });
        let reached = stages.iter().position(|(_, fails)| *fails);
        let seen: Vec<u32> = stages.iter().map(|(add, _)| *add).take(reached.map_or(3, |i| i + 1)).collect();
        match reached {
            None => prop_assert_eq!(result.unwrap(), seen),
            Some(i) => prop_assert_eq!(
                result.unwrap_err().to_string(),
                format!("{} after {seen:?}", ["a", "b", "c"][i])
            ),
        }
    }
}

#[tokio::test]
async fn an_empty_map_is_the_identity() {
    let agent = agent_fn("never", |(): (), _cx| async move { Ok(1) });
    let run = Run::builder("laws").open().await.unwrap();
    let sum = MapReduce::new("map", agent, combiner(|| 7, |a: i32, b| a + b));
    assert_eq!(run.execute(sum, vec![]).await.unwrap(), 7);
}

#[tokio::test]
async fn two_inputs_of_one_key_are_an_error() {
    let agent = agent_fn("one", |n: u32, _cx| async move { Ok(n) });
    let map = MapReduce::collect("map", agent).key_by(|n| (n % 2).to_string()).with_concurrency(1);
    let run = Run::builder("laws").open().await.unwrap();
    let error = run.execute(map, vec![1, 2, 3]).await.unwrap_err();
    let expected = PatternError::DuplicateKey { key: "1".into(), first: 0, second: 2 };
    assert_eq!((error.class(), error.to_string()), (Class::Permanent, expected.to_string()));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_pattern_stops_its_children() {
    let gauge = Gauge::default();
    let slow = Item { number: 1, millis: 60_000, end: End::Succeeds };
    let map = MapReduce::new("map", worker(&gauge), combiner(Vec::new, |a, _| a));
    let run = Run::builder("laws").open().await.unwrap();
    let executing = run.execute(map.with_concurrency(8), vec![slow; 8]);
    assert!(tokio::time::timeout(Duration::from_millis(5), executing).await.is_err());
    assert_eq!(gauge.most(), 8);
    run.quiesce().await;
    assert_eq!(gauge.now(), 0);
}
