//! How many run at the same time, and how long: invariants 1 and 2.

use std::time::Duration;

use futures::stream;
use maniple_orchestration::{Inputs, MapReduce};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

proptest! {
    #![proptest_config(config(100))]

    /// The limit is kept, and it is used: no worker is idle while there is an input.
    #[test]
    fn as_many_as_allowed_run(items in good_items(30), limit in 1..8_usize, streamed in any::<bool>()) {
        let items: Vec<Item> = items.iter().map(|item| Item::good(item.number, 5)).collect();
        let most = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let inputs = if streamed {
                Inputs::stream(stream::iter(items.clone()))
            } else {
                items.clone().into()
            };
            map.run_reported(inputs, &lab.cx()).await.result.unwrap();
            lab.gauge.most()
        });
        prop_assert_eq!(most, limit.min(items.len()));
    }

    /// Dropped at any time, nothing is left, with any grace.
    #[test]
    fn a_dropped_map_leaves_nothing(
        items in items(20), limit in 1..6_usize, after in 0..40_u64, grace in 0..3_u64,
        by_arrival in any::<bool>(),
    ) {
        simulate_dropping(async |lab| {
            let sum = maniple_orchestration::combiner(|| 0_u32, u32::wrapping_add).commutative();
            let map = MapReduce::new("map", worker(&lab.gauge), sum).with_concurrency(limit);
            let map = map.with_grace(Duration::from_millis(grace));
            let map = if by_arrival { map.unordered() } else { map.tree() };
            let cx = lab.cx();
            let running = map.run_reported(items.clone(), &cx);
            let _ = tokio::time::timeout(Duration::from_millis(after), running).await;
        });
    }
}
