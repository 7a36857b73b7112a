//! Who counts where only so many are needed.

use maniple_core::{AgentError, Class};
use maniple_orchestration::MapReduce;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::item::*;
use crate::lab::*;

/// When the inputs end, by when they begin: the one that is free first takes the next.
fn ends(items: &[Item], limit: usize) -> Vec<u64> {
    let mut free = vec![0; limit];
    items
        .iter()
        .map(|item| {
            let first = free.iter_mut().min().unwrap();
            *first += item.millis;
            *first
        })
        .collect()
}

/// When the last of so many ended, if there are so many.
fn nth(mut ends: Vec<u64>, n: usize) -> Option<u64> {
    ends.sort_unstable();
    n.checked_sub(1).and_then(|at| ends.get(at).copied())
}

proptest! {
    #![proptest_config(config(250))]

    /// Invariants 1, 2, 3 and 22: it returns at the k-th success, or at the (n-k+1)-th failure.
    #[test]
    fn a_quorum_returns_as_soon_as_it_is_decided(
        items in items(16), limit in 1..6_usize, needed in 1..6_usize,
    ) {
        let (reported, took, gauge) = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let map = map.quorum(needed).durable();
            let began = Instant::now();
            let reported = map.run_reported(items.clone(), &lab.cx()).await;
            (reported, began.elapsed(), lab.gauge.clone())
        });
        prop_assert!(gauge.most() <= limit);
        check_report(&reported.report);

        let ends = ends(&items, limit);
        let of = |good: bool| {
            let all = items.iter().zip(&ends).filter(|(item, _)| item.is_good() == good);
            all.map(|(_, end)| *end).collect::<Vec<_>>()
        };
        let won = nth(of(true), needed);
        let lost = if items.len() < needed { Some(0) } else { nth(of(false), items.len() - needed + 1) };
        // Children that are stopped here do not look: they end by themselves, within the grace.
        let decided = won.or(lost).unwrap();
        let slowest = items.iter().map(|item| item.millis).max().unwrap_or(0);
        // A timer of tokio may be a millisecond late.
        let took = u64::try_from(took.as_millis()).unwrap();
        let late = (items.len() as u64).div_ceil(limit as u64);
        prop_assert!(decided <= took, "{decided} <= {took}");
        prop_assert!(took <= decided + slowest + late, "{took} <= {decided} + {slowest} + {late}");

        match reported.result {
            Ok(partial) => {
                prop_assert!(won.is_some());
                prop_assert_eq!(partial.ok.len(), needed);
                let all = left_out(&partial);
                prop_assert_eq!(all.len(), items.len() - needed);
                let winners: Vec<Item> = (0..items.len())
                    .filter(|index| !all.contains(index))
                    .map(|index| items[index])
                    .collect();
                prop_assert_eq!(partial.ok, numbers(&winners), "in the order of the inputs");
                for (index, _) in partial.failed {
                    prop_assert!(!items[index].is_good());
                }
            }
            Err(error) => {
                prop_assert!(won.is_none());
                let count = |end| items.iter().filter(|item| item.end == end).count();
                let without = |lost: usize| items.len() - lost >= needed;
                let (for_good, panics) = (count(End::FailsForGood), count(End::Panics));
                // Those that were stopped might have ended in any way.
                match error.class() {
                    Class::Permanent => prop_assert!(!without(for_good), "{}", error),
                    Class::Panicked => prop_assert!(!without(for_good + panics), "{}", error),
                    class => prop_assert_eq!(class, Class::Transient),
                }
            }
        }
    }

    /// A quorum that can still be reached through a signal waits for it; one that is reached does not.
    #[test]
    fn a_quorum_waits_only_where_it_must(
        items in waiting_items(10), limit in 1..4_usize, needed in 1..6_usize,
    ) {
        let reported = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            map.quorum(needed).durable().run_reported(items.clone(), &lab.cx()).await
        });
        check_report(&reported.report);
        let count = |end| items.iter().filter(|item| item.end == end).count();
        let (good, waiting) = (count(End::Succeeds), count(End::Waits));
        match reported.result {
            Ok(partial) => {
                prop_assert!(good >= needed);
                prop_assert_eq!(partial.ok.len() + left_out(&partial).len(), items.len());
            }
            Err(AgentError::Suspended { .. }) => prop_assert!(good < needed && good + waiting >= needed),
            Err(error) => prop_assert!(good + waiting < needed, "{}", error),
        }
    }
}

#[test]
fn a_quorum_of_an_endless_stream_ends() {
    simulate(async |lab| {
        let endless = futures::stream::iter((0..).map(|n| Item::good(n, 1)));
        let inputs = maniple_orchestration::Inputs::stream(endless);
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(3).quorum(5);
        let reported = map.run_reported(inputs, &lab.cx()).await;
        check_report(&reported.report);
        assert_eq!(reported.result.unwrap().ok.len(), 5);
    });
}
