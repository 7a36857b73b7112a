//! What is changed afterwards, and what goes.

use super::author::Author;
use super::rule::{Rule, refused};
use crate::error::BundleError;
use crate::format::BlobId;
use crate::store::{
    BundleStore, Commit, Document, Line, Lines, Listed, SessionReader, SessionWriter,
};

/// Notes that need a blob each, but every third.
const LENGTHS: [usize; 9] = [10, 5000, 6000, 10, 7000, 8000, 10, 9000, 10_000];

pub(super) fn rewritten<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("rewritten");
    let (store, mut author) = (open(), Author::new("rewritten"));
    let mut writer = rule.create(&store, &author);
    rule.write(&mut *writer, &author.notes(LENGTHS), Commit::Synced);
    let old = rule.ok("reading", store.read(author.id()));

    let mut fork = author.fork(3);
    let mut forked = rule.create(&store, &fork);
    rule.write(&mut *forked, &fork.notes(LENGTHS), Commit::Synced);
    // It shares nothing, although it was forked further behind.
    drop(rule.create(&store, &author.fork(7).standing_alone()));
    let shared = author.clone().without(1, 2);
    let refusal = writer.rewrite(1, &shared);
    refused!(rule, "changing what is shared", refusal, BundleError::Shared { actions: 3, .. });
    rule.log("after what is shared was to be changed", &*writer, &author, 0);
    rule.log("after what is shared was to be changed", &*old, &author, 0);

    let before = author.blobs();
    let lines = author.without(3, 5);
    rule.ok("changing what is behind the last fork", writer.rewrite(3, &lines));
    gone(rule, &*writer, &author, before.difference(&author.blobs()));
    rule.log("after a part was dropped", &*writer, &author, 0);
    rule.log("in the eyes of who reads it already", &*old, &author, 0);
    let last = rule.ok("last", writer.last());
    rule.same("the last line of a log that was rewritten", &last.as_ref(), &author.log().last());
    rule.log("in a fork of what was rewritten", &*forked, &fork, 0);
    // The same notes as in the part that was dropped.
    goes_on(rule, &mut *writer, &mut author);
    drop((writer, old));

    let mut writer = rule.ok("opening", store.open(author.id()));
    rule.log("in the next process", &*writer, &author, 0);
    goes_on(rule, &mut *writer, &mut author);
    drop(forked);
    rule.ok("deleting the fork", store.delete(fork.id(), b"tombstone\n"));
    let before = author.blobs();
    let lines = author.without(0, 2);
    rule.ok("changing what only a deleted fork shared", writer.rewrite(0, &lines));
    gone(rule, &*writer, &author, before.difference(&author.blobs()));
    rule.log("after what was shared was dropped", &*writer, &author, 0);
    drop((writer, store));
    let store = open();
    let mut writer = rule.ok("opening", store.open(author.id()));
    rule.log("in the next process", &*writer, &author, 0);
    goes_on(rule, &mut *writer, &mut author);

    // A blob that a rewrite removed can be put again.
    let batch = author.notes([5000]);
    rule.write(&mut *writer, &batch, Commit::Synced);
    let seq = author.next() - 1;
    let lines = author.without(seq, seq);
    rule.ok("dropping the last action", writer.rewrite(seq, &lines));
    for (id, content) in &batch.blobs {
        rule.ok("putting a blob again", writer.put_blob(*id, content));
        let found = rule.ok("reading a blob", writer.blob(*id));
        assert!(
            found.as_ref() == Some(content),
            "rewritten: a blob that was put again is not kept"
        );
    }
}

fn goes_on(rule: Rule, writer: &mut dyn SessionWriter, author: &mut Author) {
    rule.write(writer, &author.notes([10, 5000]), Commit::Synced);
    rule.write(writer, &author.notes([10]), Commit::Buffered);
    rule.log("when it goes on", writer, author, 0);
}

/// That these blobs are gone, of which there are some.
fn gone<'a>(
    rule: Rule,
    reader: &dyn SessionReader,
    author: &Author,
    blobs: impl Iterator<Item = &'a BlobId>,
) {
    let mut some = 0;
    for id in blobs {
        let found = rule.ok("reading a blob", reader.blob(*id));
        assert!(found.is_none(), "rewritten: the blob {id} is there, which no line needs any more");
        some += 1;
    }
    assert!(some > 0, "the suite drops blobs of {}", author.id());
}

pub(super) fn tidy<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("tidy");
    let mut author = Author::new("tidy");
    drop(rule.create(&open(), &author));
    for n in 0..10 {
        let store = open();
        let mut writer = rule.ok("opening", store.open(author.id()));
        rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Synced);
        rule.ok("putting a document", writer.put_document(Document::Card, b"card\n"));
        if n % 2 == 0 {
            rule.ok("closing", writer.close());
        }
    }
    let store = open();
    let mut writer = rule.ok("opening", store.open(author.id()));
    rule.write(&mut *writer, &author.notes([10, 5000]), Commit::Buffered);
    for _ in 0..2 {
        rule.ok("tidying", writer.tidy());
        rule.log("when it is tidy", &*writer, &author, 0);
        rule.log("read when it is tidy", &*rule.ok("reading", store.read(author.id())), &author, 7);
        goes_on(rule, &mut *writer, &mut author);
    }
    let card = rule.ok("reading a document", writer.document(Document::Card));
    rule.same("a document of what is tidy", &card.as_deref(), &Some(&b"card\n"[..]));
    drop((writer, store));
    rule.log("in the next process", &*rule.ok("opening", open().open(author.id())), &author, 0);
}

pub(super) fn deleted<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("deleted");
    let mut store = open();
    let mut oldest = Author::new("deleted");
    let mut writer = rule.create(&store, &oldest);
    rule.write(&mut *writer, &oldest.notes(LENGTHS), Commit::Synced);
    rule.ok("putting a document", writer.put_document(Document::Card, b"card\n"));
    drop(writer);
    // The youngest has actions of both.
    let mut middle = oldest.fork(5);
    rule.write(&mut *rule.create(&store, &middle), &middle.notes(LENGTHS), Commit::Synced);
    let mut youngest = middle.fork(8);
    rule.write(&mut *rule.create(&store, &youngest), &youngest.notes(LENGTHS), Commit::Synced);

    for author in [&middle, &oldest] {
        let tombstone = format!("of {}\n", author.id());
        rule.ok("deleting", store.delete(author.id(), tombstone.as_bytes()));
        for _ in 0..2 {
            is_deleted(rule, &store, author, &tombstone);
            shares(rule, &store, &oldest, 5);
            shares(rule, &store, &middle, 8);
            rule.ok("collecting garbage", store.collect_garbage());
            drop(store);
            store = open();
        }
    }
    // What is kept can be shared once more.
    let mut another = oldest.fork(5);
    rule.write(&mut *rule.create(&store, &another), &another.notes(LENGTHS), Commit::Synced);
    shares(rule, &store, &oldest, 5);
    rule.ok("deleting it", store.delete(another.id(), b"of another\n"));
    let writer = rule.ok("opening what shares with deleted sessions", store.open(youngest.id()));
    rule.log("in a session that shares with deleted ones", &*writer, &youngest, 0);
    drop(writer);
    rule.ok("deleting the last", store.delete(youngest.id(), b"of the last\n"));
    is_deleted(rule, &store, &youngest, "of the last\n");
    let removed = rule.ok("collecting garbage", store.collect_garbage());
    assert!(removed > 0, "deleted: nothing is removed of what nobody shares any more");
    for author in [&oldest, &middle, &youngest] {
        let (id, kept) = (author.id(), store.read(author.id()));
        refused!(rule, "reading what nobody shares any more", kept, BundleError::Deleted { .. });
        refused!(rule, "opening it", store.open(id), BundleError::Deleted { .. });
        let forked = store.create(&author.fork(3).new_session());
        refused!(rule, "forking what nobody shares any more", forked, BundleError::Deleted { .. });
    }
    let removed = rule.ok("collecting garbage again", store.collect_garbage());
    rule.same("what is removed when nothing is left to remove", &removed, &0);
}

/// That the session cannot be had any more.
fn is_deleted(rule: Rule, store: &impl BundleStore, author: &Author, tombstone: &str) {
    let id = author.id();
    let listed = rule.ok("listing", store.list());
    let listed = listed.into_iter().find(|listed| listed.id == id);
    let mut expected = Listed::new(id);
    expected.tombstone = Some(tombstone.into());
    rule.same("what is listed of a deleted session", &listed, &Some(expected));
    refused!(rule, "opening a deleted session", store.open(id), BundleError::Deleted { .. });
    let twice = store.delete(id, b"another\n");
    refused!(rule, "deleting it again", twice, BundleError::Deleted { .. });
    let again = store.create(&author.new_session());
    refused!(rule, "creating it again", again, BundleError::AlreadyExists { .. });
}

/// That the lines of the session before action `until` are kept, for those who share them.
fn shares(rule: Rule, store: &impl BundleStore, author: &Author, until: u64) {
    let reader = rule.ok("reading what is shared", store.read(author.id()));
    let found = rule.read("for its forks", &*reader, 0);
    let shared = author.log().iter().filter(|(seq, _)| *seq < until);
    let is_kept = shared.zip(&found).all(|(expected, found)| found == expected);
    let is_all = found.last().is_some_and(|(seq, _)| *seq + 1 >= until);
    assert!(is_kept && is_all, "deleted: the lines that a fork shares are not as they were");
    let mut lines = Lines::default();
    for (seq, line) in found.iter().filter(|(seq, _)| *seq < until) {
        lines.push_line(Line::new(*seq, line, reader.location()));
    }
    for id in lines.blobs() {
        let content = rule.ok("reading a blob", reader.blob(id));
        let is_whole = content.is_some_and(|content| BlobId::of(&content) == id);
        assert!(is_whole, "deleted: the blob {id} is gone, which a fork shares");
    }
}
