//! The first law of leases, sampled while threads work.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use maniple_core::{Budget, Lease};

use crate::root;

/// What the threads are known to hold of a lease: taken down after the lease gave it and before it
/// gets it back, so that it is at no instant more than what the lease has really given.
struct Ledger {
    limit: u64,
    held: AtomicU64,
    overrun: AtomicU64,
}

impl Ledger {
    fn new(limit: u64) -> Self {
        Self { limit, held: AtomicU64::new(0), overrun: AtomicU64::new(0) }
    }

    fn took(&self, amount: u64) {
        self.held.fetch_add(amount, Ordering::SeqCst);
        self.check();
    }

    fn gives_back(&self, amount: u64) {
        self.held.fetch_sub(amount, Ordering::SeqCst);
    }

    fn check(&self) {
        // In this order: the overrun that excuses an amount is counted before the amount.
        let held = self.held.load(Ordering::SeqCst);
        let overrun = self.overrun.load(Ordering::SeqCst);
        let limit = self.limit;
        assert!(held <= limit + overrun, "{held} given of {limit}, overrun {overrun}");
    }

    /// Reserves and ends the reservation in one of four ways; returns what it used.
    fn call(&self, lease: &Lease, amount: u64, turn: u64, meanwhile: impl FnOnce()) -> u64 {
        let Ok(mut call) = lease.reserve(Budget::tokens(amount)) else {
            return 0;
        };
        self.took(amount);
        meanwhile();
        match turn % 16 {
            0 => {
                call.start();
                drop(call);
                amount
            }
            1 => {
                self.gives_back(amount - amount / 2);
                call.settle(Budget::tokens(amount / 2));
                amount / 2
            }
            2 => {
                self.overrun.fetch_add(1, Ordering::SeqCst);
                call.settle(Budget::tokens(amount + 1));
                self.took(1);
                amount + 1
            }
            _ => {
                self.gives_back(amount);
                drop(call);
                0
            }
        }
    }
}

#[test]
fn no_lease_gives_more_than_it_has_while_threads_work() {
    const THREADS: u64 = 4;
    const TURNS: u64 = 250;
    // Two threads fit at a time, and a third one is refused.
    const CHILD: u64 = 40_000;
    let limit = 5 * CHILD / 2;
    let top = root(Budget::tokens(limit));
    let (ledger, used) = (Ledger::new(limit), AtomicU64::new(0));
    let (done, start) = (AtomicBool::new(false), Barrier::new(5));
    thread::scope(|threads| {
        let work = |thread: u64| {
            start.wait();
            for turn in 0..TURNS {
                let turn = turn + thread;
                let spent = in_child(&top, &ledger, CHILD, turn);
                used.fetch_add(spent, Ordering::SeqCst);
                let spent = ledger.call(&top, turn % 7, turn, thread::yield_now);
                used.fetch_add(spent, Ordering::SeqCst);
            }
        };
        let workers: Vec<_> =
            (0..THREADS).map(|thread| threads.spawn(move || work(thread))).collect();
        threads.spawn(|| {
            start.wait();
            let mut before = Budget::ZERO;
            while !done.load(Ordering::SeqCst) {
                ledger.check();
                let spent = top.spent();
                assert!(before.fits_in(&spent), "what is spent came back");
                before = spent;
            }
        });
        let ended: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok), "a worker saw too much given");
    });
    let used = Budget::tokens(used.into_inner());
    assert!(!used.is_zero(), "no thread spent anything");
    assert_eq!(top.spent(), used);
    assert_eq!(top.granted(), Budget::ZERO);
    assert_eq!(top.remaining(), Budget::tokens(limit).minus(used));
}

/// Has a child's lease carved out of `top` and makes calls on it; returns what they used.
fn in_child(top: &Lease, above: &Ledger, limit: u64, turn: u64) -> u64 {
    let Ok(child) = top.grant(Budget::tokens(limit)) else {
        return 0;
    };
    above.took(limit);
    let own = Ledger::new(limit);
    let mut spent = 0;
    for call in 0..4 {
        spent += own.call(&child, 1 + call, turn + 5 * call, || {
            thread::yield_now();
            let again = child.reserve(Budget::tokens(limit));
            assert!(again.is_err(), "the child gave the same amount twice");
            let again = top.grant(Budget::tokens(2 * limit));
            assert!(again.is_err(), "the parent gave away what the child has");
        });
    }
    assert!(spent < limit, "the overrun of a child is no part of this test");
    above.gives_back(limit - spent);
    spent
}
