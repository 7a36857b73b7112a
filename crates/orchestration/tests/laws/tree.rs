//! Brackets and order: invariants 13, 14 and 15.

use maniple_core::AgentError;
use maniple_orchestration::{MapReduce, combiner, per_key};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

/// Text, whose joining shows every change of order.
fn text(lab: &Lab) -> impl maniple_core::BaseAgent<Input = Item, Output = String> + use<> {
    use maniple_core::AgentExt;
    worker(&lab.gauge).map(|number| format!("{number},"))
}

proptest! {
    #![proptest_config(config(150))]

    /// Invariant 13, where nothing fails.
    #[test]
    fn a_tree_is_a_fold(items in good_items(40), limit in 1..12_usize) {
        let expected = items.iter().fold(String::new(), |all, item| all + &format!("{},", item.number));
        let joined = simulate(async |lab| {
            let join = combiner(String::new, |a: String, b: String| a + &b).associative();
            let map = MapReduce::new("map", text(lab), join).tree().with_concurrency(limit);
            map.run_reported(items.clone(), &lab.cx()).await.result
        });
        prop_assert_eq!(joined.unwrap(), expected);
    }

    /// Invariant 13, where some have no output: their neighbours meet all the same.
    #[test]
    fn a_tree_with_gaps_is_a_fold(items in items(40), limit in 1..12_usize, needed in 0..8_usize) {
        let [tree, fold] = [true, false].map(|as_tree| simulate(async |lab| {
            let join = combiner(String::new, |a: String, b: String| a + &b).associative();
            let map = MapReduce::new("map", text(lab), join).with_concurrency(limit);
            let map = if as_tree { map.tree() } else { map };
            // A quorum's outputs that come too late must not be in the tree.
            let map = if needed == 0 { map.collect_all() } else { map.quorum(needed) };
            let reported = map.run_reported(items.clone(), &lab.cx()).await;
            check_report(&reported.report);
            reported.result.map(|partial| comparable(&partial)).map_err(|error| error.recorded())
        }));
        prop_assert_eq!(tree, fold);
    }

    /// Invariant 14: arrival is one permutation, and all are the same.
    #[test]
    fn unordered_is_any_permutation(items in good_items(40), limit in 1..12_usize) {
        let (sum, arrived) = simulate(async |lab| {
            let sum = combiner(|| 0, |a: u32, b| a + b).commutative();
            let map = MapReduce::new("map", worker(&lab.gauge), sum);
            let map = map.unordered().with_concurrency(limit);
            let sum = map.run_reported(items.clone(), &lab.cx()).await.result;

            // What arrival is seen to be is a permutation.
            let list = combiner(Vec::new, |mut a: Vec<u32>, b| { a.extend(b); a }).commutative();
            let one = maniple_core::AgentExt::map(worker(&lab.gauge), |n| vec![n]);
            let map = MapReduce::new("map", one, list).unordered().with_concurrency(limit);
            let cx = lab.run.context().child("arrival");
            (sum, map.run_reported(items.clone(), &cx).await.result)
        });
        prop_assert_eq!(sum.unwrap(), numbers(&items).iter().sum::<u32>());
        let (mut arrived, mut expected) = (arrived.unwrap(), numbers(&items));
        arrived.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(arrived, expected);
    }

    /// By key in each of the three orders is a grouping by hand.
    #[test]
    fn per_key_is_a_grouping(items in good_items(30), limit in 1..6_usize, order in 0..3_u8) {
        let got = simulate(async |lab| {
            let sum = combiner(|| 0, |a: u64, b| a + b).commutative();
            let pair = |n: u32| vec![(n % 4, u64::from(n)), (4, 1)];
            let agent = maniple_core::AgentExt::map(worker(&lab.gauge), pair);
            let map = MapReduce::new("map", agent, per_key(sum)).with_concurrency(limit);
            let map = match order { 0 => map, 1 => map.unordered(), _ => map.tree() };
            map.run_reported(items.clone(), &lab.cx()).await.result
        });
        let mut expected = std::collections::BTreeMap::new();
        for item in &items {
            *expected.entry(item.number % 4).or_insert(0) += u64::from(item.number);
            *expected.entry(4).or_insert(0) += 1;
        }
        prop_assert_eq!(got.unwrap(), expected);
    }
}

/// Invariant 15, in each order: no input, and no input that counts.
#[test]
fn nothing_is_the_identity() {
    for (order, items) in (0..3).flat_map(|order| [(order, vec![]), (order, vec![bad(), bad()])]) {
        simulate(async |lab| {
            let sum = combiner(|| 7, |a: u32, b| a + b).commutative();
            let map = MapReduce::new("map", worker(&lab.gauge), sum);
            let map = match order {
                0 => map,
                1 => map.unordered(),
                _ => map.tree(),
            };
            let cx = lab.cx();
            let reported = map.collect_all().run_reported(items.clone(), &cx).await;
            check_report(&reported.report);
            let partial = reported.result.unwrap();
            assert_eq!(partial.ok, 7, "order {order}, {items:?}");
            assert_eq!(partial.failed.len(), items.len());
        });
    }
}

fn bad() -> Item {
    Item { number: 1, millis: 1, end: End::FailsForGood }
}

/// An output that a panicking combiner was given is lost, and so the map has failed: it must not be
/// listed as a failed child, here or on a resume.
#[test]
fn a_combiner_that_panics_is_a_failure_of_the_map() {
    let run = async |lab: &Lab| {
        let never = combiner(|| 0_u32, |_, _| panic!("it cannot combine")).associative();
        let map = MapReduce::new("map", worker(&lab.gauge), never).tree().collect_all().durable();
        let items: Vec<Item> = (0..4).map(|n| Item::good(n, u64::from(n))).collect();
        let reported = map.with_concurrency(2).run_reported(items, &lab.cx()).await;
        let error = reported.result.unwrap_err();
        assert!(matches!(error, AgentError::Panicked { .. }), "{error}");
        lab.journal.clone()
    };
    let journal = simulate(run);
    simulate_on(journal, run);
}
