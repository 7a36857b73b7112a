//! Different agents over one input: invariants 1, 2, 3, 20 and 21.

use std::collections::BTreeMap;

use maniple_core::{AgentExt, BaseAgent, Class, agent_fn};
use maniple_orchestration::{ForkJoin, PatternError};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;
use crate::map_reduce::first_failure;

/// An agent that does what an item says, and adds its input to it.
fn branch(gauge: &Gauge, item: Item) -> impl BaseAgent<Input = u32, Output = u32> + use<> {
    let gauge = gauge.clone();
    agent_fn("branch", move |n: u32, cx| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            Ok(item.act(&cx).await? + n)
        }
    })
}

fn four() -> impl Strategy<Value = Vec<Item>> {
    items(4).prop_map(|mut items| {
        items.resize(4, Item::good(5, 3));
        items
    })
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn a_tuple_keeps_its_places(items in four(), limit in 1..6_usize, n in any::<u16>()) {
        let n = u32::from(n);
        let (reported, gauge, journal) = simulate(async |lab| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| branch(&lab.gauge, items[at]));
            // Different types, so that no two outputs can be mistaken.
            let agents = (a, b.map(|n| n.to_string()), c.map(|n| vec![n]), d.map(Some));
            let join = ForkJoin::new("join", agents).with_concurrency(limit).durable();
            let reported = join.run_reported(n, &lab.cx()).await;
            (reported, lab.gauge.clone(), lab.journal.clone())
        });
        prop_assert!(gauge.most() <= limit);
        check_report(&reported.report);
        let expected = |at: usize| items[at].number + n;
        match reported.result {
            Ok((a, b, c, d)) => {
                prop_assert!(items.iter().all(Item::is_good));
                prop_assert_eq!(
                    (a, b, c, d),
                    (expected(0), expected(1).to_string(), vec![expected(2)], Some(expected(3)))
                );
            }
            Err(error) => match first_failure(&journal) {
                Some(first) => prop_assert_eq!(error.recorded(), first),
                None => prop_assert!(matches!(error.class(), Class::Transient | Class::Panicked)),
            },
        }
    }

    #[test]
    fn a_tuple_collects_what_there_is(items in four(), limit in 1..6_usize) {
        let reported = simulate(async |lab| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| branch(&lab.gauge, items[at]));
            let join = ForkJoin::new("join", (a, b, c, d)).with_concurrency(limit);
            join.collect_all().durable().run_reported(0, &lab.cx()).await
        });
        check_report(&reported.report);
        let partial = reported.result.unwrap();
        let ok = [partial.ok.0, partial.ok.1, partial.ok.2, partial.ok.3];
        for (at, output) in ok.into_iter().enumerate() {
            prop_assert_eq!(output, items[at].is_good().then_some(items[at].number));
        }
        let bad: Vec<usize> = (0..4).filter(|at| !items[*at].is_good()).collect();
        prop_assert_eq!(partial.failed.iter().map(|(at, _)| *at).collect::<Vec<_>>(), bad);
    }

    #[test]
    fn a_named_set_keeps_its_names(items in items(9), limit in 1..6_usize) {
        let named: BTreeMap<String, Item> =
            items.iter().enumerate().map(|(at, item)| (format!("branch {at}"), *item)).collect();
        let (reported, gauge) = simulate(async |lab| {
            let agents = named.iter().map(|(name, item)| (name.clone(), branch(&lab.gauge, *item)));
            let join = ForkJoin::named("join", agents.collect()).with_concurrency(limit);
            let reported = join.collect_all().durable().run_reported(1, &lab.cx()).await;
            (reported, lab.gauge.clone())
        });
        prop_assert!(gauge.most() <= limit);
        check_report(&reported.report);
        let partial = reported.result.unwrap();
        let good = named.iter().filter(|(_, item)| item.is_good());
        let expected: BTreeMap<String, u32> =
            good.map(|(name, item)| (name.clone(), item.number + 1)).collect();
        prop_assert_eq!(&partial.ok, &expected);
        for (name, error) in &partial.failed {
            let is_panic = named[name].end == End::Panics;
            prop_assert_eq!(error.class() == Class::Panicked, is_panic);
        }
        prop_assert_eq!(partial.failed.len() + expected.len(), named.len());
    }
}

#[test]
fn a_set_of_none_joins_to_nothing() {
    simulate(async |lab| {
        let none: BTreeMap<String, _> =
            [("a".to_owned(), branch(&lab.gauge, Item::good(1, 0)))].into();
        let none: BTreeMap<String, _> = none.into_iter().filter(|_| false).collect();
        let join = ForkJoin::named("join", none).durable();
        let reported = join.run_reported(1, &lab.cx()).await;
        assert_eq!(reported.result.unwrap(), BTreeMap::new());
        check_report(&reported.report);
    });
}

#[test]
fn two_names_that_are_written_alike_are_an_error() {
    simulate(async |lab| {
        let agent = || agent_fn("same", |n: u64, _cx| async move { Ok(n) }).boxed();
        let agents = BTreeMap::from([(Alike(1), agent()), (Alike(2), agent())]);
        let error = lab.run.execute(ForkJoin::named("fork", agents), 1).await.unwrap_err();
        let expected = PatternError::DuplicateKey { key: "alike".into(), first: 0, second: 1 };
        assert_eq!((error.class(), error.to_string()), (Class::Permanent, expected.to_string()));
    });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Alike(u8);

impl std::fmt::Display for Alike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("alike")
    }
}
