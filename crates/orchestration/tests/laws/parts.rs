//! What is given away while a pattern runs: invariants 12 and 19.

use futures::{StreamExt, stream};
use maniple_core::agent_fn;
use maniple_orchestration::{Inputs, MapReduce, Part, Pipeline};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

proptest! {
    #![proptest_config(config(150))]

    /// Invariant 12 of a map, under each policy: what was given away is what counts.
    #[test]
    fn parts_of_a_map_are_those_that_count(
        items in items(20), limit in 1..6_usize, needed in 0..6_usize,
    ) {
        let (seen, reported) = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let map = if needed == 0 { map.collect_all() } else { map.quorum(needed) };
            let cx = lab.cx();
            let mut parts = map.parts(items.clone(), &cx);
            let (mut seen, mut settled) = (Vec::new(), None);
            while let Some(part) = parts.next().await {
                assert!(settled.is_none(), "nothing comes after the result");
                match part {
                    Part::Output { key, output } => seen.push((key, output)),
                    Part::Settled(reported) => settled = Some(*reported),
                }
            }
            drop(parts);
            (seen, settled.unwrap())
        });
        check_report(&reported.report);
        for (index, output) in &seen {
            prop_assert_eq!(*output, items[*index].number, "an output belongs to its input");
        }
        if let Ok(partial) = reported.result {
            let mut seen = seen;
            seen.sort_unstable();
            let outputs: Vec<u32> = seen.iter().map(|(_, output)| *output).collect();
            prop_assert_eq!(outputs, partial.ok);
        }
    }

    /// Invariant 12 of a flow, whose outputs are all given away, in order.
    #[test]
    fn parts_of_a_flow_are_in_order(items in items(20), limit in 1..4_usize, buffer in 0..3_usize) {
        let (seen, reported) = simulate(async |lab| {
            let flow = Pipeline::new("flow", worker(&lab.gauge)).with_concurrency(limit)
                .then(agent_fn("same", |n: u32, _cx| async move { Ok(n) }))
                .flow().with_buffer(buffer).fail_item();
            let cx = lab.cx();
            let mut parts = flow.parts(items.clone(), &cx);
            let (mut seen, mut settled) = (Vec::new(), None);
            while let Some(part) = parts.next().await {
                match part {
                    Part::Output { key, output } => seen.push((key, output)),
                    Part::Settled(reported) => settled = Some(*reported),
                }
            }
            drop(parts);
            (seen, settled.unwrap())
        });
        check_report(&reported.report);
        let rest = reported.result.unwrap();
        let expected: Vec<(usize, u32)> = items.iter().enumerate()
            .filter(|(_, item)| item.is_good())
            .map(|(index, item)| (index, item.number))
            .collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(left_out(&rest).len(), items.iter().filter(|item| !item.is_good()).count());
    }

    /// Invariants 1 and 19: whoever takes `taken` parts and then none lets a pattern pull at most
    /// `taken` inputs, two windows, and one for each worker that is between two inputs. A window is
    /// 256, or four times the limit.
    #[test]
    fn a_stalled_consumer_bounds_what_is_pulled(
        taken in 0..300_usize, limit in 1..100_usize, of_flow in any::<bool>(),
    ) {
        let pulled = simulate_dropping(async |lab| {
            let pulled = Gauge::default();
            let counted = pulled.clone();
            let endless = stream::iter(0_u32..).inspect(move |_| drop(counted.enter()));
            let inputs = Inputs::stream(endless.map(|n| Item::good(n, 0)));
            let cx = lab.cx();
            let wait = async || tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            if of_flow {
                let flow = Pipeline::new("flow", worker(&lab.gauge)).with_concurrency(limit).flow();
                let mut parts = flow.parts(inputs, &cx);
                for _ in 0..taken { assert!(matches!(parts.next().await, Some(Part::Output { .. }))); }
                wait().await;
            } else {
                let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
                let mut parts = map.parts(inputs, &cx);
                for _ in 0..taken { assert!(matches!(parts.next().await, Some(Part::Output { .. }))); }
                wait().await;
            }
            pulled.ever()
        });
        let window = 256.max(4 * limit);
        prop_assert!(pulled <= taken + 2 * window + limit, "{pulled} of {taken}, window {window}");
    }
}

/// Invariant 19, from inside: a slow first input bounds what its siblings pile up.
#[test]
fn a_slow_first_input_bounds_what_is_pulled() {
    for limit in [2, 7, 100] {
        let pulled = simulate_dropping(async |lab| {
            let items =
                stream::iter(0_u32..).map(|n| Item::good(n, if n == 0 { 60_000 } else { 0 }));
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let cx = lab.cx();
            let running = map.run_reported(Inputs::stream(items), &cx);
            let halfway = std::time::Duration::from_secs(30);
            assert!(tokio::time::timeout(halfway, running).await.is_err());
            lab.gauge.ever()
        });
        assert!(pulled <= 256.max(4 * limit), "{pulled} at {limit}");
    }
}
