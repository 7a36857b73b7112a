//! The real code on a simulated disk: random histories of a session, whose processes are killed,
//! refused and robbed of power at any operation. What is found is always a prefix of what was
//! appended that holds all that was acknowledged, and no broken promise of the disk, and no broken
//! rule of the store, goes unseen.

mod cases;
mod damage;
mod history;
mod model;
mod tally;
mod whole;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::disk::broken::Breakage;
use crate::store::file::broken::Rule;
use history::{Broken, History};
use tally::Tally;

/// How many histories a test lives, unless `MANIPLE_HISTORIES` says more.
const HISTORIES: u64 = 10_000;

fn histories() -> u64 {
    std::env::var("MANIPLE_HISTORIES").map_or(HISTORIES, |count| count.parse().unwrap())
}

/// Lives histories on all cores. `Err` is the first one that goes wrong, and how.
fn live(count: u64, broken: Broken) -> Result<Tally, (u64, String)> {
    let next = AtomicU64::new(0);
    let wrong: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let work = || {
        let mut total = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return total;
            }
            match History::new(seed, broken).run() {
                Ok(tally) => total = total.and(tally),
                Err(how) => {
                    // Those before it are on their way.
                    next.store(count, Ordering::Relaxed);
                    let mut wrong = wrong.lock().unwrap();
                    if wrong.as_ref().is_none_or(|(first, _)| seed < *first) {
                        *wrong = Some((seed, how));
                    }
                    return total;
                }
            }
        }
    };
    let total = std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let total = threads.into_iter().map(|thread| thread.join().unwrap());
        total.fold(Tally::default(), Tally::and)
    });
    wrong.into_inner().unwrap().map_or(Ok(total), Err)
}

#[test]
fn what_is_found_is_a_prefix_that_holds_everything_acknowledged() {
    let begun = Instant::now();
    let total = match live(histories(), Broken::Nothing) {
        Ok(total) => total,
        Err((seed, how)) => panic!("history {seed}: {how}"),
    };
    let rate = f64::from(u32::try_from(total.histories).unwrap()) / begun.elapsed().as_secs_f64();
    println!("{rate:.0} histories a second: {total:?}");
    total.require_variety();
}

#[test]
fn every_broken_promise_of_a_disk_is_caught() {
    for breakage in Breakage::ALL {
        let (seed, how) = live(HISTORIES, Broken::Disk(breakage))
            .expect_err(&format!("{breakage:?} goes unseen"));
        println!("{breakage:?}, history {seed}: {how}");
    }
}

#[test]
fn every_broken_rule_of_the_store_is_caught() {
    let mut unseen = Vec::new();
    for rule in Rule::IN_HISTORIES {
        match live(HISTORIES, Broken::Rule(rule)) {
            Ok(_) => unseen.push(rule),
            Err((seed, how)) => println!("{rule:?}, history {seed}: {how}"),
        }
    }
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn a_history_is_the_same_each_time() {
    for seed in 0..20 {
        let live = || format!("{:?}", History::new(seed, Broken::Nothing).run());
        assert_eq!(live(), live());
    }
}
