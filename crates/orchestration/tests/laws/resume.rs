//! A run that is opened again on its whole journal answers the same, whatever was tolerated.

use std::time::{Duration, SystemTime};

use futures::stream;
use maniple_core::{AgentError, Class, agent_fn};
use maniple_orchestration::{DeadLetter, Inputs, MapReduce, Partial, Pipeline, Reported};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

/// How much failure a generated map tolerates.
#[derive(Debug, Clone, Copy)]
enum Policy {
    CollectAll,
    Quorum(usize),
    BestEffort(usize),
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::CollectAll),
        (1..5_usize).prop_map(Policy::Quorum),
        (0..4_usize).prop_map(Policy::BestEffort),
    ]
}

/// Where the inputs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    List,
    Stream,
}

async fn map(
    lab: &Lab,
    policy: Policy,
    from: From,
    limit: usize,
    items: &[Item],
) -> Reported<Partial<Vec<u32>>> {
    let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
    let map = match policy {
        Policy::CollectAll => map.collect_all(),
        Policy::Quorum(needed) => map.quorum(needed),
        Policy::BestEffort(least) => map.best_effort(least),
    };
    let inputs: Inputs<Item> = match from {
        From::List => items.to_vec().into(),
        From::Stream => Inputs::stream(stream::iter(items.to_vec())),
    };
    map.durable().run_reported(inputs, &lab.cx()).await
}

proptest! {
    #![proptest_config(config(300))]

    /// Invariants 4, 9 and 10, after the last record; 23 of a quorum.
    #[test]
    fn a_settled_map_answers_the_same(
        items in waiting_items(12), policy in policy(), limit in 1..5_usize, again in 1..5_usize,
        from in prop_oneof![Just(From::List), Just(From::Stream)],
    ) {
        let (first, journal) = simulate(async |lab| {
            (map(lab, policy, from, limit, &items).await, lab.journal.clone())
        });
        let first = match first.result {
            Ok(first) => Ok(comparable(&first)),
            // Only what is final ends the same: the rest is tried again.
            Err(error) if error.class() == Class::Permanent => Err(error.recorded()),
            Err(_) => return Ok(()),
        };
        let (second, ran) = simulate_on(journal, async |lab| {
            let second = map(lab, policy, from, again, &items).await;
            (second, lab.gauge.ever())
        });
        check_report(&second.report);
        prop_assert_eq!(ran, 0, "finished children run no more");
        let second = second.result.map(|partial| comparable(&partial));
        prop_assert_eq!(second.map_err(|error| error.recorded()), first);
    }

    /// The same for a flow, with and without dead letters; a letter is delivered once.
    #[test]
    fn a_settled_flow_answers_the_same(
        items in items(12), limit in 1..4_usize, letters in any::<bool>(),
    ) {
        let run = async |lab: &Lab| {
            let flow = Pipeline::new("flow", again(worker(&lab.gauge)))
                .with_concurrency(limit)
                .then(agent_fn("last", |item: Item, _cx| async move { Ok(item.number) }))
                .durable()
                .flow();
            let delivered = Gauge::default();
            let counted = delivered.clone();
            let reported = if letters {
                let agent = agent_fn("letters", move |_, _cx| {
                    drop(counted.enter());
                    async { Ok::<_, AgentError>(()) }
                });
                flow.dead_letter(agent).run_reported(items.clone(), &lab.cx()).await
            } else {
                flow.fail_item().run_reported(items.clone(), &lab.cx()).await
            };
            check_report(&reported.report);
            (reported.result.unwrap(), lab.gauge.ever(), delivered.ever(), lab.journal.clone())
        };
        let (first, _, delivered, journal) = simulate(run);
        let bad = items.iter().filter(|item| !item.is_good()).count();
        prop_assert_eq!(delivered, if letters { bad } else { 0 });
        let (second, ran, delivered, _) = simulate_on(journal, run);
        prop_assert_eq!((ran, delivered), (0, 0), "what is finished runs no more");
        prop_assert_eq!(comparable(&second), comparable(&first));
    }
}

/// The same agent, that hands its item on.
fn again(
    worker: impl maniple_core::BaseAgent<Input = Item, Output = u32>,
) -> impl maniple_core::BaseAgent<Input = Item, Output = Item> {
    let worker = std::sync::Arc::new(worker);
    agent_fn("first", move |item: Item, cx| {
        let worker = worker.clone();
        async move {
            maniple_core::BaseAgent::run(&*worker, item, &cx).await?;
            Ok(item)
        }
    })
}

/// Whether an item has failed that was stopped is seen when it is tried again.
#[test]
fn an_item_that_was_stopped_is_handed_over_later_or_not_at_all() {
    for undelivered in [false, true] {
        let run = |deadline: Option<u64>| {
            async move |lab: &Lab| {
                let gauge = lab.gauge.clone();
                let letters = agent_fn("letters", move |_: DeadLetter<Item>, _cx| {
                    let alive = gauge.enter();
                    async move {
                        let _alive = alive;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        if undelivered && deadline.is_some() {
                            return Err(AgentError::transient("nobody there"));
                        }
                        Ok(())
                    }
                });
                let bad = Item { number: 1, millis: 10, end: End::FailsForNow };
                let flow = Pipeline::new("flow", worker(&Gauge::default())).durable().flow();
                // One that fails when it was asked to stop, or whose letter does.
                let after = deadline.map_or(HOUR, Duration::from_millis);
                let cx = lab.cx().with_wall_deadline(SystemTime::now() + after);
                let reported = flow.dead_letter(letters).run_reported(vec![bad], &cx).await;
                check_report(&reported.report);
                (reported.result, lab.gauge.ever(), lab.journal.clone())
            }
        };
        let at = if undelivered { 15 } else { 5 };
        let (stopped, _, journal) = simulate(run(Some(at)));
        assert_eq!(stopped.unwrap_err().class(), Class::DeadlineExceeded);
        let (resumed, delivered, _) = simulate_on(journal, run(None));
        assert_eq!(resumed.unwrap().failed.len(), 1);
        assert_eq!(delivered, 1);
    }
}

#[test]
fn an_item_that_was_handed_over_is_not_tried_in_a_later_attempt() {
    simulate(async |lab| {
        let (tried, attempts) = (Gauge::default(), Gauge::default());
        let twice = std::num::NonZeroU32::new(2).unwrap();
        let cx = lab.cx();
        let partial = cx.attempts("tries", twice, |cx| {
            let (tried, attempts) = (tried.clone(), attempts.clone());
            async move {
                let stage = agent_fn("stage", move |n: u32, _cx| {
                    drop(tried.enter());
                    let times = tried.ever();
                    async move { Err::<u32, _>(AgentError::transient(format!("{n}: {times}"))) }
                });
                let letters = agent_fn("letters", |_: DeadLetter<u32>, _cx| async { Ok(()) });
                let flow = Pipeline::new("flow", stage).flow().dead_letter(letters);
                let partial = flow.run_reported(vec![7], &cx.child("flow")).await.result?;
                drop(attempts.enter());
                if attempts.ever() == 1 {
                    return Err(AgentError::transient("once more"));
                }
                Ok(partial)
            }
        });
        let partial = partial.await.unwrap();
        assert_eq!((tried.ever(), attempts.ever()), (1, 2));
        assert_eq!(partial.failed[0].1.to_string(), "7: 1");
    });
}
