//! How often it is killed, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::probe::Probe;

pub(crate) fn kills() -> usize {
    let asked = std::env::var("MANIPLE_KILLS").ok();
    asked.map_or(20, |kills| kills.parse().expect("MANIPLE_KILLS is a number"))
}

/// The same numbers each time (Marsaglia's xorshift); that the kills differ is seen to by the clocks.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn micros(&mut self, most: usize) -> Duration {
        Duration::from_micros(self.up_to(most) as u64)
    }

    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + usize::try_from(self.0 % 1_000_003).unwrap() % most
    }
}

/// No step that had a receipt has had its effect again.
pub(crate) fn check(probe: &Probe, before: &BTreeMap<String, usize>, receipts: &BTreeSet<String>) {
    let after = probe.effects();
    for key in receipts {
        assert_eq!(after.get(key), before.get(key), "{key} had a receipt, and ran again");
        assert!(after.contains_key(key), "{key} has a receipt and no effect");
    }
    let lost: Vec<_> = receipts.difference(&probe.receipts()).cloned().collect();
    assert!(lost.is_empty(), "receipts were lost: {lost:?}");
}
