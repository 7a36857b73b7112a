//! Leases are given back: invariant 6.

use std::sync::Arc;
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Budget, Effect, agent_fn};
use maniple_orchestration::{MapReduce, Pipeline, ScatterGather};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

/// An agent that is given a share of the budget, uses some of it, and then does what its item says.
fn spender(gauge: &Gauge) -> impl BaseAgent<Input = Item, Output = Item> + use<> {
    let gauge = gauge.clone();
    agent_fn("spender", move |item: Item, cx| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            let own = cx.child("own").with_budget(Budget::tokens(100))?;
            let used = Budget::tokens(u64::from(item.number % 50));
            own.step(
                "use",
                Effect::Pure.reserving(Budget::tokens(60)),
                (),
                |(), step| async move {
                    step.spend(used);
                    Ok::<_, AgentError>(())
                },
            )
            .await?;
            item.act(&own).await?;
            Ok(item)
        }
    })
}

proptest! {
    #![proptest_config(config(150))]

    /// What was used is spent, and nothing else is held, however the pattern ended.
    #[test]
    fn leases_are_given_back(
        items in items(12), limit in 1..5_usize, kind in 0..8_u8, after in 0..40_u64,
    ) {
        simulate_dropping(async |lab| {
            let total = Budget::tokens(10_000);
            let cx = lab.cx().with_budget(total).unwrap();
            {
                let map = || MapReduce::collect("map", spender(&lab.gauge)).with_concurrency(limit);
                let flow = || Pipeline::new("flow", spender(&lab.gauge)).with_concurrency(limit).flow();
                let gather = || {
                    let spender = Arc::new(spender(&lab.gauge));
                    let responders: Vec<_> = items.iter().map(|item| {
                        let (spender, item) = (spender.clone(), *item);
                        agent_fn("responder", move |(): (), cx| {
                            let spender = spender.clone();
                            async move { spender.run(item, &cx).await }
                        })
                    }).collect();
                    ScatterGather::new("gather", (0..).zip(responders)).with_concurrency(limit)
                };
                let running = async {
                    let items = items.clone();
                    match kind {
                        0 => drop(map().run_reported(items, &cx).await),
                        1 => drop(map().collect_all().run_reported(items, &cx).await),
                        2 => drop(map().quorum(2).run_reported(items, &cx).await),
                        3 => drop(flow().fail_item().run_reported(items, &cx).await),
                        4 => drop(flow().run_reported(items, &cx).await),
                        5 => drop(gather().run_reported((), &cx).await),
                        6 => {
                            let same = |a: &Item, b: &Item| a.number % 2 == b.number % 2;
                            drop(gather().quorum(2, same).run_reported((), &cx).await);
                        }
                        _ => {
                            let within = gather().within(Duration::from_millis(8), 1);
                            drop(within.run_reported((), &cx).await);
                        }
                    }
                };
                // Some are dropped on their way.
                let _ = tokio::time::timeout(Duration::from_millis(after), running).await;
            }
            lab.run.quiesce().await;
            let spent = cx.lease().spent();
            assert!(cx.lease().granted().is_zero(), "granted {:?}", cx.lease().granted());
            assert_eq!(cx.remaining().tokens, total.tokens - spent.tokens);
            let most: u64 = items.iter().map(|item| u64::from(item.number % 50)).sum();
            assert!(spent.tokens <= most, "{} of {most}", spent.tokens);
        });
    }
}
