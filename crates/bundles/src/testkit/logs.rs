//! What a session says.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::scope;

use super::author::{Author, Batch};
use super::rule::{Over, Rule, joined, refused};
use crate::error::BundleError;
use crate::format::BlobId;
use crate::store::{BundleStore, Commit, Document, Lines, SessionReader};

pub(super) fn lines<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("lines");
    let (store, mut author) = (open(), Author::new("lines"));
    let mut writer = rule.create(&store, &author);
    rule.ok("appending nothing", writer.append(&Lines::default(), Commit::Synced));
    rule.log("when nothing was appended", &*writer, &author, 0);
    for (count, commit) in [(1, Commit::Synced), (300, Commit::Buffered), (7, Commit::Synced)] {
        rule.write(&mut *writer, &author.notes((0..count).map(|n| n * 30)), commit);
        let last = rule.ok("last", writer.last());
        rule.same("the last line", &last.as_ref(), &author.log().last());
    }
    // A line that stands for several actions has the number of the last of them.
    let rewritten = author.without(100, 120);
    rule.ok("rewriting", writer.rewrite(100, &rewritten));
    rule.write(&mut *writer, &author.notes([10, 100_000]), Commit::Synced);

    let reader = rule.ok("reading", store.read(author.id()));
    for (who, reader) in
        [("by who writes", &*writer as &dyn SessionReader), ("by who reads", &*reader)]
    {
        for from in [0, 1, 99, 100, 101, 110, 120, 121, 309, 310] {
            rule.log(&format!("as they are read {who}"), reader, &author, from);
        }
        rule.log(&format!("behind the last, {who}"), reader, &author, u64::MAX);
        visits(rule, reader, &author);
    }
    rule.ok("closing", writer.close());
    rule.log("when it is closed", &*writer, &author, 0);
}

/// What a visitor may do.
fn visits(rule: Rule, reader: &dyn SessionReader, author: &Author) {
    let mut seen = 0;
    let read = reader.lines(5, &mut |line| {
        seen += 1;
        Ok(if line.seq() == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    rule.ok("breaking off", read);
    rule.same("the number of lines that were shown until the visitor broke off", &seen, &3);

    let mut seen = 0;
    let read = reader.lines(0, &mut |line| {
        seen += 1;
        match line.seq() {
            0 => Ok(ControlFlow::Continue(())),
            _ => Err(BundleError::WriterDied),
        }
    });
    refused!(rule, "a visitor that fails", read, BundleError::WriterDied);
    rule.same("the number of lines that were shown until the visitor failed", &seen, &2);

    let mut needed = author.blobs();
    let read = reader.lines(0, &mut |line| {
        let mut lines = Lines::default();
        lines.push_line(line);
        for id in lines.blobs() {
            let content = rule.ok("reading a blob inside of a visit", reader.blob(id));
            if content.is_some_and(|content| BlobId::of(&content) == id) {
                needed.remove(&id);
            }
        }
        rule.ok("reading a document inside of a visit", reader.document(Document::Header));
        Ok(ControlFlow::Continue(()))
    });
    rule.ok("reading blobs inside of a visit", read);
    rule.same("what was not found of the blobs inside of a visit", &needed, &BTreeSet::new());
}

pub(super) fn blobs<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("blobs");
    let (store, mut author) = (open(), Author::new("blobs"));
    let mut writer = rule.create(&store, &author);
    let (large, small) = (pattern(5 << 20), pattern(1));
    let contents = [&b""[..], &small, b"\n\0{\"h\":\"", &large];
    let missing = |when: &str, reader: &dyn SessionReader| {
        let found = rule.ok("reading a blob that was not put", reader.blob(BlobId::of(b"no")));
        rule.same(&format!("a blob that was not put, {when},"), &found, &None);
    };
    let check = |when: &str, reader: &dyn SessionReader| {
        missing(when, reader);
        for content in contents {
            let found = rule.ok("reading a blob", reader.blob(BlobId::of(content)));
            let (length, rule) = (content.len(), rule.0);
            let is_whole = found.as_deref() == Some(content);
            assert!(is_whole, "{rule}: {when}, a blob of {length} bytes is not as it was put");
        }
    };
    missing("in a new session", &*writer);
    for content in contents {
        rule.ok("putting a blob", writer.put_blob(BlobId::of(content), content));
    }
    check("when it was put", &*writer);
    for content in contents {
        rule.ok("putting a blob again", writer.put_blob(BlobId::of(content), content));
    }
    check("when it was put twice", &*writer);
    rule.ok("making it durable", writer.sync());
    check("by who reads", &*rule.ok("reading", store.read(author.id())));
    // What a session has is its own: another one can be deleted.
    let mut other = rule.create(&store, &Author::new("blobs"));
    rule.ok("putting a blob elsewhere", other.put_blob(BlobId::of(&large), &large));
    rule.write(&mut *writer, &author.notes([100_000]), Commit::Synced);
    drop((writer, other, store));
    let store = open();
    let mut writer = rule.ok("opening", store.open(author.id()));
    check("by the next process", &*writer);
    rule.ok("putting a blob of the process before", writer.put_blob(BlobId::of(&large), &large));
    check("when it was put by two processes", &*writer);
    rule.log("with its blobs", &*writer, &author, 0);
}

pub(super) fn documents<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("documents");
    let (store, author) = (open(), Author::new("documents"));
    let mut writer = rule.create(&store, &author);
    let both = [Document::Card, Document::Snapshot];
    let check = |when: &str, reader: &dyn SessionReader, expected: Option<&[u8]>| {
        for document in both {
            let found = rule.ok("reading a document", reader.document(document));
            let rule = rule.0;
            let is_whole = found.as_deref() == expected;
            assert!(is_whole, "{rule}: {when}, the {document:?} is not as it was put last");
        }
        let header = rule.ok("reading the header", reader.document(Document::Header));
        rule.same(&format!("the header, {when},"), &header.as_deref(), &Some(author.header()));
    };
    check("before any was put", &*writer, None);
    let reader = rule.ok("reading", store.read(author.id()));
    let mut last = Vec::new();
    for content in [pattern(1 << 20), pattern(10), Vec::new(), pattern(1000)] {
        for document in both {
            rule.ok("putting a document", writer.put_document(document, &content));
        }
        check("by who writes", &*writer, Some(&content));
        check("by who reads", &*reader, Some(&content));
        last = content;
    }
    drop((writer, reader, store));
    let store = open();
    check("by the next process", &*rule.ok("opening", store.open(author.id())), Some(&last));
}

pub(super) fn beside<S: BundleStore>(open: &impl Fn() -> S) {
    const BATCHES: usize = 100;
    let rule = Rule("beside");
    let (store, mut author) = (open(), Author::new("beside"));
    let mut writer = rule.create(&store, &author);
    let batches: Vec<Batch> = (0..BATCHES).map(|n| author.notes([10, n * 60, 0])).collect();
    // How many lines have been appended for sure.
    let (appended, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let look = |reader: &dyn SessionReader| {
        let at_least = appended.load(Ordering::SeqCst);
        let found = rule.read("while it is written", reader, 0);
        let (count, rule) = (found.len(), rule.0);
        assert!(
            u64::try_from(count).unwrap_or(u64::MAX) >= at_least,
            "{rule}: {count} lines are shown when {at_least} were appended"
        );
        let is_prefix = author.log().get(..count) == Some(&found[..]);
        assert!(is_prefix, "{rule}: the {count} lines that are shown are not the first");
    };
    scope(|threads| {
        let reader = rule.ok("reading", store.read(author.id()));
        let (look, is_over) = (&look, &is_over);
        let reading = threads.spawn(move || {
            loop {
                // It looks once more when all is written.
                let is_last = is_over.load(Ordering::SeqCst);
                look(&*reader);
                if is_last {
                    break;
                }
            }
        });
        let over = Over(is_over);
        for (n, batch) in batches.iter().enumerate() {
            let commit = if n % 10 == 0 { Commit::Synced } else { Commit::Buffered };
            rule.write(&mut *writer, batch, commit);
            let lines = u64::try_from(batch.lines.iter().count()).unwrap_or(u64::MAX);
            appended.fetch_add(lines, Ordering::SeqCst);
            look(&*rule.ok("reading", store.read(author.id())));
        }
        drop(over);
        joined(reading);
    });
    rule.log("when all was written", &*writer, &author, 0);
}

/// How a process lets go of what it wrote.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Synced,
    SyncedLater,
    NotSynced,
    Closed,
}

pub(super) fn durable<S: BundleStore>(open: &impl Fn() -> S) {
    let rule = Rule("durable");
    let mut author = Author::new("durable");
    drop(rule.create(&open(), &author));
    for ends in [Ends::Synced, Ends::NotSynced, Ends::SyncedLater, Ends::Closed, Ends::NotSynced] {
        let store = open();
        let mut writer = rule.ok("opening", store.open(author.id()));
        rule.same("what was erased of a whole log", &writer.recovery(), &None);
        for lengths in [[10, 20, 30], [10, 5000, 100_000]] {
            let commit = match ends {
                Ends::Synced => Commit::Synced,
                _ => Commit::Buffered,
            };
            rule.write(&mut *writer, &author.notes(lengths), commit);
        }
        match ends {
            Ends::SyncedLater => rule.ok("making it durable", writer.sync()),
            Ends::Closed => rule.ok("closing", writer.close()),
            Ends::Synced | Ends::NotSynced => {}
        }
        drop((writer, store));
        let store = open();
        let when = format!("after a process that ended {ends:?}");
        rule.log(&when, &*rule.ok("reading", store.read(author.id())), &author, 0);
        let writer = rule.ok("opening", store.open(author.id()));
        rule.log(&when, &*writer, &author, 0);
        let last = rule.ok("last", writer.last());
        rule.same("the last line of an earlier process", &last.as_ref(), &author.log().last());
    }
}

/// So many bytes, of all kinds.
fn pattern(length: usize) -> Vec<u8> {
    (0_u8..=250).cycle().take(length).collect()
}
