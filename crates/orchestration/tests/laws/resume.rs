//! A run that is opened again on its whole journal answers the same, whatever was tolerated.

use futures::stream;
use maniple_core::{AgentError, Class, agent_fn};
use maniple_orchestration::{Inputs, MapReduce, Partial, Pipeline, Reported};
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
