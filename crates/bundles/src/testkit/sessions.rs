//! Which sessions there are, and who has them open.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{ScopedJoinHandle, scope};

use super::author::Author;
use super::rule::{Over, Rule, joined, refused};
use crate::error::BundleError;
use crate::session::{Header, SessionId};
use crate::store::{BundleStore, Commit, Document, Listed, SessionWriter};

/// How many ask at the same time.
const MANY: usize = 8;

pub(super) fn created<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("created");
    let (store, mut author) = (open(), Author::new("created"));
    let id = author.id();
    refused!(rule, "opening what nobody has created", store.open(id), BundleError::NotFound { .. });
    refused!(rule, "reading what nobody has created", store.read(id), BundleError::NotFound { .. });
    let deleted = store.delete(id, b"tombstone\n");
    refused!(rule, "deleting what nobody has created", deleted, BundleError::NotFound { .. });

    let mut writer = rule.create(&store, &author);
    rule.same("what the opening of a new session erased", &writer.recovery(), &None);
    rule.same("the last line of a new session", &rule.ok("last", writer.last()), &None);
    rule.log("in a new session", &*writer, &author, 0);
    let header = rule.ok("reading the header", writer.document(Document::Header));
    rule.same("the header", &header, &Some(author.header().to_vec()));
    rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Synced);

    let twice = store.create(&author.new_session());
    refused!(rule, "creating it again", twice, BundleError::AlreadyExists { .. });
    rule.log("after it was to be created again", &*writer, &author, 0);
    drop(writer);

    let orphan = Author::new("never created").fork(0);
    let born = store.create(&orphan.new_session());
    refused!(rule, "creating a fork of what is not there", born, BundleError::NotFound { .. });
    refused!(rule, "opening that", store.open(orphan.id()), BundleError::NotFound { .. });
    rule.ok("deleting", store.delete(id, b"tombstone\n"));
    let fork = author.fork(1);
    let born = store.create(&fork.new_session());
    refused!(rule, "creating a fork of what was deleted", born, BundleError::Deleted { .. });
    let twice = store.create(&author.new_session());
    refused!(rule, "creating what was deleted", twice, BundleError::AlreadyExists { .. });
    let listed = rule.ok("listing", store.list());
    let ghost = listed.iter().find(|listed| [orphan.id(), fork.id()].contains(&listed.id));
    rule.same("what is listed of sessions that were not created", &ghost, &None);
}

/// Looks for a session of this name, or makes this one.
fn look(store: &impl BundleStore, author: &Author, name: &str) -> Result<Made, BundleError> {
    store.create_unless(&author.new_session(), &mut |header| {
        let header = Header::from_bytes(header, "header".as_ref());
        header.is_ok_and(|header| header.meta.name() == name)
    })
}

type Made = Result<Box<dyn SessionWriter>, SessionId>;

pub(super) fn once<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("once");
    let store = open();
    let made = at_once(|| look(&store, &Author::new("once"), "once"));
    let made: Vec<Made> =
        made.into_iter().map(|made| rule.ok("looking for or creating", made)).collect();
    let writers = made.iter().filter(|made| made.is_ok()).count();
    rule.same("the number of those who have created it", &writers, &1);
    let found: Vec<_> = made.iter().filter_map(|made| made.as_ref().err()).collect();
    assert!(found.windows(2).all(|two| two[0] == two[1]), "once: the others find {found:?}");
    let first = **found.first().expect("there are others");
    drop(made);
    drop(rule.ok("opening what was found", store.open(first)));

    // A newer one of that name is created as any other.
    let newer = Author::new("once");
    drop(rule.create(&store, &newer));
    let found = |what| rule.ok(what, look(&store, &Author::new("once"), "once")).err();
    rule.same("what is found of two", &found("looking for one of two"), &Some(newer.id()));
    rule.ok("deleting", store.delete(newer.id(), b"tombstone\n"));
    let left = found("looking for one where another was deleted");
    rule.same("what is found where the newer one was deleted", &left, &Some(first));
    rule.ok("deleting", store.delete(first, b"tombstone\n"));
    let last = Author::new("once");
    let made = rule.ok("looking where all were deleted", look(&store, &last, "once"));
    assert!(made.is_ok(), "once: a deleted session is found");
    rule.log("in a session that was looked for", &*made.expect("it was made"), &last, 0);
}

pub(super) fn alone<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("alone");
    let (store, mut author, other) = (open(), Author::new("alone"), Author::new("alone"));
    let mut writer = rule.create(&store, &author);
    let twice = store.open(author.id());
    refused!(rule, "opening what was just created", twice, BundleError::OpenElsewhere { .. });
    let deleted = store.delete(author.id(), b"tombstone\n");
    refused!(rule, "deleting what is open", deleted, BundleError::OpenElsewhere { .. });
    drop(rule.create(&store, &other));
    rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Synced);
    rule.log("while others wanted it", &*writer, &author, 0);
    drop(writer);

    for ended in ["dropped", "closed and dropped"] {
        let opened = at_once(|| store.open(author.id()));
        let (writers, refusals): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        rule.same("the number of those who have it open at once", &writers.len(), &1);
        for refusal in refusals {
            refused!(
                rule,
                "opening it at the same time",
                refusal,
                BundleError::OpenElsewhere { .. }
            );
        }
        for writer in writers {
            let mut writer = rule.ok("opening", writer);
            rule.write(&mut *writer, &author.notes([10]), Commit::Synced);
            if ended == "closed and dropped" {
                rule.ok("closing", writer.close());
            }
        }
        let again = rule.ok(&format!("opening what was {ended}"), store.open(author.id()));
        rule.log(&format!("when it was {ended}"), &*again, &author, 0);
    }
}

/// That a session which nobody has open is had, whatever else is done to the store meanwhile.
pub(super) fn free<S: BundleStore>(open: &impl Fn() -> S) {
    const TIMES: usize = 50;
    let rule = Rule("free");
    let (store, author, is_over) = (open(), Author::new("free"), AtomicBool::new(false));
    drop(rule.create(&store, &author));
    scope(|threads| {
        let over = Over(&is_over);
        let collecting = threads.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                rule.ok("collecting garbage", store.collect_garbage());
                rule.ok("listing", store.list());
            }
        });
        for _ in 0..TIMES {
            drop(rule.ok("opening what nobody has open", store.open(author.id())));
        }
        drop(over);
        joined(collecting);
    });
}

/// Does it on many threads at the same time. What they get is kept until all have theirs.
fn at_once<T: Send>(act: impl Fn() -> T + Sync) -> Vec<T> {
    let begin = Barrier::new(MANY);
    scope(|threads| {
        let started: Vec<ScopedJoinHandle<'_, T>> = (0..MANY)
            .map(|_| {
                threads.spawn(|| {
                    begin.wait();
                    act()
                })
            })
            .collect();
        started.into_iter().map(joined).collect()
    })
}

pub(super) fn listed<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("listed");
    let store = open();
    let before = rule.ok("listing", store.list()).len();
    let mut authors: Vec<_> = (0..5).map(|_| Author::new("listed")).collect();
    // The order in which they come to the store is another one.
    authors.swap(0, 3);
    authors.swap(1, 4);
    for author in &authors {
        let mut writer = rule.create(&store, author);
        if author.id() == authors[0].id() {
            rule.ok("putting a card", writer.put_document(Document::Card, b"card\n"));
        }
    }
    let mut expected: Vec<Listed> = authors
        .iter()
        .map(|author| {
            let mut listed = Listed::new(author.id());
            listed.header = Some(author.header().to_vec());
            listed.card = (author.id() == authors[0].id()).then(|| b"card\n".to_vec());
            listed
        })
        .collect();
    expected.sort_by_key(|listed| listed.id);
    let check = |store: &S, when: &str| {
        let found = rule.ok("listing", store.list());
        rule.same(&format!("the number of sessions, {when},"), &found.len(), &(before + 5));
        assert!(
            found.is_sorted_by(|a, b| a.id < b.id),
            "listed: {when}, the sessions are not in the order of their ids"
        );
        let is_ours = |listed: &Listed| authors.iter().any(|author| author.id() == listed.id);
        let ours: Vec<_> = found.into_iter().filter(is_ours).collect();
        rule.same(&format!("what is listed {when}"), &ours, &expected);
    };
    check(&store, "by the process that made them");
    drop(store);
    check(&open(), "by the next process");
}

pub(super) fn processes<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("processes");
    let (one, two, mut author) = (open(), open(), Author::new("processes"));
    let mut writer = rule.create(&one, &author);
    rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Synced);
    let twice = two.open(author.id());
    refused!(rule, "opening what another has open", twice, BundleError::OpenElsewhere { .. });
    let twice = two.create(&author.new_session());
    refused!(rule, "creating what another has created", twice, BundleError::AlreadyExists { .. });
    let deleted = two.delete(author.id(), b"tombstone\n");
    refused!(rule, "deleting what another has open", deleted, BundleError::OpenElsewhere { .. });
    rule.ok("collecting garbage", two.collect_garbage());
    let reader = rule.ok("reading what another has open", two.read(author.id()));
    rule.log("in another process", &*reader, &author, 0);
    rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Buffered);
    rule.log("in another process, which has it open already", &*reader, &author, 0);
    drop(writer);
    let mut writer = rule.ok("opening what another has dropped", two.open(author.id()));
    rule.write(&mut *writer, &author.notes([10]), Commit::Synced);
    rule.log("written by both", &*rule.ok("reading", one.read(author.id())), &author, 0);

    let stores: Vec<S> = (0..MANY).map(|_| open()).collect();
    let begin = Barrier::new(MANY);
    let made: Vec<Made> = scope(|threads| {
        let looks: Vec<_> = stores
            .iter()
            .map(|store| {
                let begin = &begin;
                threads.spawn(move || {
                    begin.wait();
                    look(store, &Author::new("by one of many"), "by one of many")
                })
            })
            .collect();
        looks.into_iter().map(joined).map(|made| rule.ok("looking for or creating", made)).collect()
    });
    let writers = made.iter().filter(|made| made.is_ok()).count();
    rule.same("the number of processes that have created it", &writers, &1);
}
