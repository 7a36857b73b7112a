//! The real code on a simulated disk: random histories of a session, whose processes are killed,
//! refused and robbed of power at any operation. What is found is always a prefix of what was
//! appended that holds all that was acknowledged, and no broken promise of the disk goes unseen.

mod cases;
mod history;

use crate::disk::broken::Breakage;
use history::History;

/// How many histories a test lives, unless `MANIPLE_HISTORIES` says more.
const HISTORIES: u64 = 3000;

/// What happened in some histories.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    histories: u64,
    opened: u64,
    acknowledged: u64,
    kills: u64,
    crashes: u64,
    in_a_row: u64,
    erased_bytes: u64,
    /// Failures with a reason.
    failures: u64,
    /// Logs that were refused as damaged because the disk kept the later part of a write alone.
    refused: u64,
    /// Histories that ended with a loss of power after a sync had failed.
    doubtful: u64,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            opened: self.opened + other.opened,
            acknowledged: self.acknowledged + other.acknowledged,
            kills: self.kills + other.kills,
            crashes: self.crashes + other.crashes,
            in_a_row: self.in_a_row.max(other.in_a_row),
            erased_bytes: self.erased_bytes + other.erased_bytes,
            failures: self.failures + other.failures,
            refused: self.refused + other.refused,
            doubtful: self.doubtful + other.doubtful,
        }
    }
}

fn histories() -> u64 {
    std::env::var("MANIPLE_HISTORIES").map_or(HISTORIES, |count| count.parse().unwrap())
}

#[test]
fn what_is_found_is_a_prefix_that_holds_everything_acknowledged() {
    let mut total = Tally::default();
    for seed in 0..histories() {
        match History::new(seed, None).run() {
            Ok(tally) => total = total.and(tally),
            Err(wrong) => panic!("history {seed}: {wrong}"),
        }
    }
    println!("{total:?}");
    let Tally { kills, acknowledged, erased_bytes, failures, in_a_row, .. } = total;
    assert!([kills, acknowledged, erased_bytes, failures].iter().all(|count| *count > 100));
    assert!(in_a_row >= 3, "crashes come one at a time");
}

#[test]
fn every_broken_promise_of_a_disk_is_caught() {
    for breakage in Breakage::ALL {
        let wrong = (0..HISTORIES).find_map(|seed| {
            let wrong = History::new(seed, Some(breakage)).run().err()?;
            Some((seed, wrong))
        });
        let (seed, wrong) = wrong.unwrap_or_else(|| panic!("{breakage:?} goes unseen"));
        println!("{breakage:?}, history {seed}: {wrong}");
    }
}

#[test]
fn a_history_is_the_same_each_time() {
    for seed in 0..20 {
        let live = || format!("{:?}", History::new(seed, None).run());
        assert_eq!(live(), live());
    }
}
