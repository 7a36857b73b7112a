//! Each rule has a broken variant, and each broken variant is caught by one of the tests: a check
//! that cannot fail is no check.

use std::sync::mpsc;
use std::time::Duration;

use maniple_core::Rule;

use crate::common::break_rule;
use crate::{
    branch, budget, cancel, deadline, nested, panic, place, retry, saga, settled, signal, step,
    withheld,
};

macro_rules! tests {
    ($($module:ident: $($test:ident),*;)*) => {
        [$($((concat!(stringify!($module), "::", stringify!($test)), $module::$test as fn()),)*)*]
    };
}

/// Every test of this simulation, by name.
fn all() -> Vec<(&'static str, fn())> {
    let mut all = Vec::from(tests! {
        place: a_step_inside_a_step_is_refused, names_cannot_meet, keyed_children_keep_their_names,
            digests_do_not_depend_on_the_order_of_a_map, decisions_are_made_once,
            versions_are_pinned, scopes_wait_for_what_dropped_scopes_left,
            quiesce_waits_for_dropped_runs, inner_scopes_settle_before_outer_ones_abort,
            what_a_settled_scope_leaves_open_is_closed;
        settled: who_counts_stands, who_was_given_up_stays_so;
    });
    macro_rules! rows {
        ($($row:ident),*) => {$(
            all.extend(tests! {
                $row: live, crash_before_intent, crash_after_intent, crash_after_receipt, resume,
                    inside_a_parallel_branch;
            });
        )*};
    }
    rows!(step, branch, withheld, signal, cancel, deadline, budget, panic, retry, saga);
    // The slowest, for what only many interleavings show.
    all.extend(tests! { nested: a_few_generated_programs; });
    all
}

/// Whether a test fails where a rule is broken.
fn catches(test: fn(), rule: Rule) -> bool {
    let (done, waiting) = mpsc::channel();
    let running = std::thread::spawn(move || {
        break_rule(rule);
        // Sends when it unwinds, too.
        let _done = Done(done);
        test();
    });
    // A test takes milliseconds. One that hangs is left to itself, and has caught it too.
    if waiting.recv_timeout(Duration::from_secs(60)).is_ok() {
        return running.join().is_err();
    }
    println!("{rule:?}: a test hangs");
    true
}

struct Done(mpsc::Sender<()>);

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn every_broken_rule_is_caught() {
    let tests = all();
    let mut unnoticed = Vec::new();
    for rule in Rule::ALL {
        match tests.iter().find(|(_, test)| catches(*test, rule)) {
            Some((name, _)) => println!("{rule:?}: caught by {name}"),
            None => unnoticed.push(rule),
        }
    }
    assert!(unnoticed.is_empty(), "broken and unnoticed: {unnoticed:?}");
}
