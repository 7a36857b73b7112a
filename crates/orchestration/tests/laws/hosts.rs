//! Closures of the host that panic: none of them hangs a pattern, and what they broke is its failure.

use maniple_core::{AgentError, BaseAgent, Class};
use maniple_orchestration::{ForkJoin, Inputs, MapReduce, Pipeline, combiner};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

fn check<T: std::fmt::Debug>(result: Result<T, AgentError>, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.class(), Class::Panicked, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

fn ten() -> Vec<Item> {
    (0..10).map(|n| Item::good(n, u64::from(n % 3))).collect()
}

/// Runs an agent as a part of the run, whose panics are contained.
async fn execute<A>(lab: &Lab, agent: A, input: A::Input) -> Result<A::Output, AgentError>
where
    A: BaseAgent,
{
    let result = lab.run.execute(agent, input).await;
    lab.run.quiesce().await;
    result
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn a_key_that_panics(at in 0..10_u32, limit in 1..5_usize, tolerant in any::<bool>()) {
        simulate(async |lab| {
            let key = move |item: &Item| {
                assert!(item.number != at, "no key");
                item.number.to_string()
            };
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit).key_by(key);
            if tolerant {
                let reported = map.collect_all().run_reported(ten(), &lab.cx()).await;
                check_report(&reported.report);
                check(reported.result, "no key");
            } else {
                let reported = map.run_reported(ten(), &lab.cx()).await;
                check_report(&reported.report);
                check(reported.result, "no key");
            }
        });
    }

    #[test]
    fn a_key_of_a_flow_that_panics(at in 0..10_u32, limit in 1..5_usize, fifo in any::<bool>()) {
        simulate(async |lab| {
            let key = move |item: &Item| {
                assert!(item.number != at, "no key");
                item.number.to_string()
            };
            let flow = Pipeline::new("flow", worker(&lab.gauge)).with_concurrency(limit).flow();
            let flow = if fifo { flow.fifo_by(key) } else { flow.key_by(key) };
            let reported = flow.run_reported(ten(), &lab.cx()).await;
            check_report(&reported.report);
            check(reported.result, "no key");
        });
    }

    #[test]
    fn a_combiner_that_panics(at in 1..9_u32, limit in 1..5_usize, order in 0..3_u8, tolerant in any::<bool>()) {
        simulate(async |lab| {
            let seen = Gauge::default();
            let combine = move |a: u32, b: u32| {
                drop(seen.enter());
                assert!(seen.ever() < at as usize, "it cannot combine");
                a + b
            };
            let map = MapReduce::new("map", worker(&lab.gauge), combiner(|| 0, combine).commutative());
            let map = map.with_concurrency(limit);
            let map = match order { 0 => map, 1 => map.unordered(), _ => map.tree() };
            if tolerant {
                check(execute(lab, map.collect_all(), ten()).await, "combine");
            } else {
                check(execute(lab, map, ten()).await, "combine");
            }
        });
    }

    #[test]
    fn a_stream_that_panics(at in 0..10_u32, limit in 1..5_usize, tolerant in any::<bool>()) {
        simulate(async |lab| {
            let items = futures::stream::iter(ten());
            let items = futures::StreamExt::inspect(items, move |item| {
                assert!(item.number != at, "the stream breaks");
            });
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            if tolerant {
                let reported = map.collect_all().run_reported(Inputs::stream(items), &lab.cx()).await;
                check_report(&reported.report);
                check(reported.result, "breaks");
            } else {
                let reported = map.run_reported(Inputs::stream(items), &lab.cx()).await;
                check_report(&reported.report);
                check(reported.result, "breaks");
            }
        });
    }
}

/// An input whose copies panic from the n-th on.
#[derive(Debug)]
struct Copied(Gauge, usize);

impl Clone for Copied {
    fn clone(&self) -> Self {
        drop(self.0.enter());
        assert!(self.0.ever() < self.1, "no more copies");
        Self(self.0.clone(), self.1)
    }
}

#[test]
fn an_input_that_cannot_be_copied() {
    for at in 1..4 {
        simulate(async |lab| {
            let agent = |name| {
                let gauge = lab.gauge.clone();
                maniple_core::agent_fn(name, move |_: Copied, _cx| {
                    let alive = gauge.enter();
                    async move {
                        drop(alive);
                        Ok(())
                    }
                })
            };
            let join = ForkJoin::new("join", (agent("a"), agent("b"), agent("c")));
            check(execute(lab, join, Copied(Gauge::default(), at)).await, "no more copies");
        });
    }
}
