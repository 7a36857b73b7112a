//! The tokens of scopes, and the instants at which they abort, in every order in which threads can
//! come by them with no more than a few preemptions. The code is that of the crate, compiled against
//! the atomics and locks of `loom`.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Arc, Mutex, MutexGuard};
}
#[expect(dead_code, reason = "the model needs a part of it")]
#[path = "../../src/scope/live.rs"]
mod live;
#[expect(dead_code, reason = "the model needs a part of it")]
#[path = "../../src/scope/stop.rs"]
mod stop;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt;
use live::{Ended, Live, Reaping};
use loom::future::block_on;
use loom::thread;
use stop::Stop;
use sync::{Arc, AtomicBool, Mutex, Ordering};
use tokio::time::Instant;

/// With more preemptions it takes many times as long; all of them were tried once.
const PREEMPTIONS: usize = 4;

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

/// What the checker says of a model that is broken on purpose.
fn finding(model: impl Fn() + Send + Sync + 'static) -> String {
    let found = catch_unwind(AssertUnwindSafe(|| explore(model)));
    let found = found.expect_err("the checker does not see that it is broken");
    let text = found.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| found.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// What the tasks below a scope write to, and who waits for its end.
#[derive(Debug, Default)]
struct Journal {
    records: usize,
    closed: bool,
}

const LATE: &str = "a write after the end";

type Shared = Arc<Mutex<Journal>>;

fn write(journal: &Shared) {
    let mut journal = journal.lock().unwrap();
    assert!(!journal.closed, "{LATE}");
    journal.records += 1;
}

/// Work that writes when it is dropped, as the body of a step may that is aborted.
struct Work(Shared);

impl Drop for Work {
    fn drop(&mut self) {
        // Where the model has found something already, it is not found a second time.
        if !std::thread::panicking() {
            write(&self.0);
        }
    }
}

/// How a task lets go of what it holds.
#[derive(Clone, Copy)]
enum Release {
    WorkFirst,
    /// Broken: whoever waits for the token is not waiting for the work.
    TokenFirst,
}

fn task(live: Arc<Live>, journal: &Shared, release: Release) {
    let work = Work(journal.clone());
    match release {
        Release::WorkFirst => {
            drop(work);
            drop(live);
        }
        Release::TokenFirst => {
            drop(live);
            drop(work);
        }
    }
}

/// Waits for the end of the outer of two scopes with a task each.
fn end(release: Release) {
    let journal = Shared::default();
    let (outer, outer_ended) = Live::new(None);
    let (inner, mut inner_ended) = Live::new(Some(outer.clone()));
    let tasks = [outer, inner].map(|live| {
        let journal = journal.clone();
        thread::spawn(move || task(live, &journal, release))
    });
    block_on(outer_ended);
    // A scope ends after those below it.
    assert!(is_over(&mut inner_ended), "the inner scope outlives the outer one");
    journal.lock().unwrap().closed = true;
    for task in tasks {
        task.join().unwrap();
    }
    assert_eq!(journal.lock().unwrap().records, 2);
}

fn is_over(ended: &mut Ended) -> bool {
    ended.now_or_never().is_some()
}

#[test]
fn who_has_seen_the_end_sees_no_write_after_it() {
    explore(|| end(Release::WorkFirst));
}

#[test]
fn a_token_that_is_released_before_the_work_is_caught() {
    assert_eq!(finding(|| end(Release::TokenFirst)), LATE);
}

/// How a task that cannot be aborted writes.
#[derive(Clone, Copy)]
enum Check {
    Fence,
    /// Broken.
    Nothing,
}

/// Gives up the outer of two scopes while the task of the inner one works, then says so.
fn fence(check: Check) {
    let journal = Shared::default();
    let said = Arc::new(AtomicBool::new(false));
    let (outer, outer_ended) = Live::new(None);
    let (inner, _inner_ended) = Live::new(Some(outer.clone()));
    let zombie = thread::spawn({
        let (said, journal) = (said.clone(), journal.clone());
        move || {
            let mut seen = false;
            for _ in 0..2 {
                // Whoever was told has to see the fence.
                let told = said.load(Ordering::Acquire);
                let fenced = inner.is_fenced();
                assert!(fenced || !told && !seen, "the fence was down, and is not");
                seen = fenced;
                if !fenced || matches!(check, Check::Nothing) {
                    assert!(!told, "{LATE}");
                    write(&journal);
                }
            }
        }
    });
    outer.give_up(1);
    said.store(true, Ordering::Release);
    drop(outer);
    assert_eq!(outer_ended.zombies(), 1);
    // However late, it ends when the zombie does.
    block_on(outer_ended);
    journal.lock().unwrap().closed = true;
    zombie.join().unwrap();
}

#[test]
fn nothing_is_written_when_the_fence_is_seen() {
    explore(|| fence(Check::Fence));
}

#[test]
fn a_zombie_that_does_not_ask_is_caught() {
    assert_eq!(finding(|| fence(Check::Nothing)), LATE);
}

/// What a reaper does with a task that it could not end.
#[derive(Clone, Copy)]
enum Reap {
    InOrder,
    /// Broken: who waits may find that nobody reaps any more, and a zombie that nobody has counted.
    CountsLate,
}

/// Closes a scope below which one was dropped, while a reaper gives up the task that it has left.
fn reap(order: Reap) {
    let (outer, mut outer_ended) = Live::new(None);
    let (dropped, _) = Live::new(Some(outer.clone()));
    let reaping = dropped.reap();
    let zombie = dropped.clone();
    let reaper = thread::spawn(move || reap_in(order, &dropped, reaping));
    drop(outer);
    block_on(outer_ended.reaped());
    assert_eq!(outer_ended.zombies(), 1, "the zombie was not counted once");
    assert!(!is_over(&mut outer_ended), "the zombie is alive");
    assert!(zombie.is_fenced());
    reaper.join().unwrap();
    drop(zombie);
    block_on(outer_ended);
}

fn reap_in(order: Reap, dropped: &Live, reaping: Reaping) {
    match order {
        Reap::InOrder => {
            dropped.give_up(1);
            drop(reaping);
        }
        Reap::CountsLate => {
            drop(reaping);
            dropped.give_up(1);
        }
    }
}

#[test]
fn who_waits_for_a_reaper_is_woken_and_knows_its_zombies() {
    explore(|| reap(Reap::InOrder));
}

#[test]
fn a_reaper_that_counts_late_is_caught() {
    assert!(finding(|| reap(Reap::CountsLate)).contains("was not counted once"));
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_first_instant_that_is_set_stands_for_all() {
    explore(|| {
        let (now, stop) = (Instant::now(), Arc::new(Stop::default()));
        let below = Stop::below(&stop);
        let setting = [1, 2].map(|hours| {
            let stop = stop.clone();
            thread::spawn(move || stop.set(now + hours * HOUR))
        });
        let seen = below.inherited();
        let set = setting.map(|thread| thread.join().unwrap());
        assert_eq!(set[0], set[1]);
        assert_eq!(stop.set(now), set[0]);
        let inherited = below.inherited().expect("it was set");
        // Never later than the scope around it, and earlier by no more than an allowance.
        assert!(inherited < set[0] && inherited + HOUR > set[0]);
        assert!(seen.is_none_or(|seen| seen <= inherited));
    });
}

/// How a scope waits for one around it to be stopped.
#[derive(Clone, Copy)]
enum Wait {
    LooksAfter,
    /// Broken: what is set between the look and the wait is missed.
    LooksBefore,
}

/// Looks for the instant of a scope two levels up, which is being set, and registers to be told.
fn wait(wait: Wait) {
    let (now, root) = (Instant::now(), Arc::new(Stop::default()));
    let here = Stop::below(&Stop::below(&root));
    let setting = thread::spawn(move || {
        root.set(now + HOUR);
    });
    let before = here.inherited();
    let changes = here.changes();
    let after = here.inherited();
    setting.join().unwrap();
    let told = changes.into_iter().any(|change| change.now_or_never().is_some());
    let seen = match wait {
        Wait::LooksAfter => after,
        Wait::LooksBefore => before,
    };
    assert!(told || seen.is_some(), "nobody says that it was set");
}

#[test]
fn a_scope_that_is_stopped_later_is_noticed() {
    explore(|| wait(Wait::LooksAfter));
}

#[test]
fn a_look_before_the_wait_is_caught() {
    assert!(finding(|| wait(Wait::LooksBefore)).contains("nobody says"));
}
