use std::thread::scope;

use futures::executor::block_on;

use super::rule::{Rule, joined, refused};
use crate::action::Action;
use crate::bundle::ContextBundle;
use crate::durability::Durability;
use crate::error::BundleError;
use crate::session::Meta;
use crate::sessions::Sessions;
use crate::store::BundleStore;

const THREADS: u64 = 4;
const APPENDS: u64 = 25;

pub(super) fn life<S: BundleStore>(open: &impl Fn() -> S) {
    for durability in [Durability::Synced, Durability::Buffered] {
        let name = format!("life {durability:?}");
        block_on(live(open, &name, durability));
    }
}

async fn live<S: BundleStore>(open: &impl Fn() -> S, name: &str, durability: Durability) {
    let rule = Rule("life");
    let sessions = || Sessions::new(open()).with_durability(durability);
    let first = sessions();
    let bundle = rule.ok("creating", first.create(Meta::new(name)).await);
    let id = bundle.id();
    // From many threads at once; each waits for its own.
    let append = |thread: u64| {
        for n in 0..APPENDS {
            let text = format!("note {n} of {thread} ");
            let text = text.repeat(if n % 5 == 0 { 1000 } else { 1 });
            rule.ok("appending", block_on(bundle.append(Action::Note { text })));
        }
    };
    scope(|threads| {
        let append = &append;
        let started = (0..THREADS).map(|thread| threads.spawn(move || append(thread)));
        started.collect::<Vec<_>>().into_iter().for_each(joined);
    });
    let notes = THREADS * APPENDS;
    check(rule, &bundle, notes).await;
    rule.ok("setting", bundle.set("key", &"x".repeat(10_000)).await);
    rule.ok("taking a snapshot", bundle.snapshot().await);
    rule.ok("setting", bundle.set("key", &1).await);
    rule.ok("making it durable", bundle.sync().await);
    let twice = first.remount(id).await;
    refused!(rule, "mounting it twice", twice, BundleError::OpenElsewhere { .. });
    drop((bundle, first));

    for process in 1..4 {
        let sessions = sessions();
        let bundle = rule.ok("mounting it again", sessions.remount(id).await);
        rule.same("what was erased", &bundle.recovered(), &None);
        let value = bundle.get::<u64>("key").unwrap_or_else(|error| panic!("life: {error}"));
        rule.same("the value that was set last", &value, &Some(process));
        check(rule, &bundle, notes + 1 + process).await;
        rule.ok("setting", bundle.set("key", &(process + 1)).await);
        if process == 2 {
            rule.ok("closing", bundle.close().await);
        }
    }
    let sessions = sessions();
    let bundle = rule.ok("opening it by name", sessions.open_or_create(Meta::new(name)).await);
    rule.same("the session of that name", &bundle.id(), &id);
    check(rule, &bundle, notes + 5).await;
    rule.ok("closing", bundle.close().await);
    rule.ok("closing what is closed", bundle.close().await);
}

/// That the bundle has so many actions, in order, and all are whole.
async fn check(rule: Rule, bundle: &ContextBundle, count: u64) {
    let verified = rule.ok("verifying", bundle.verify().await);
    rule.same("the number of actions", &verified.actions, &count);
    let entries = rule.ok("reading the actions", bundle.actions().await);
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    rule.same("the numbers of the actions", &numbers, &(0..count).collect());
    for thread in 0..THREADS {
        let of_thread = format!("of {thread} ");
        let notes = entries.iter().filter_map(|entry| match &entry.action {
            Action::Note { text } if text.contains(&of_thread) => text.split(" of ").next(),
            _ => None,
        });
        let notes: Vec<_> = notes.map(str::to_owned).collect();
        let expected: Vec<_> = (0..APPENDS).map(|n| format!("note {n}")).collect();
        rule.same("what one thread has appended", &notes, &expected);
    }
}
