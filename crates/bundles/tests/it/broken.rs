//! Stores that keep a part of the contract only are found out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use maniple_bundles::testkit::{check_processes, check_store};
use maniple_bundles::{
    BlobId, BundleError, BundleStore, Commit, Document, Line, Lines, Listed, MemoryStore,
    NewSession, Recovery, SessionId, SessionReader, SessionWriter, Visit,
};

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ReversesLines,
    SkipsTheFirstLineAskedFor,
    ShowsMoreThanAskedFor,
    LosesTheEndOfABatch,
    MisremembersTheLastLine,
    LosesLargeBlobs,
    ForgetsEmptyBlobs,
    AddsToDocuments,
    ShowsReadersAnOldMoment,
    ForgetsWhatIsNotSynced,
    OpensTwice,
    LooksInAnOldList,
    FindsTheOldest,
    ListsBackwards,
    ShowsHeadersOfTheDeleted,
    RewritesHalfOfWhatIsShared,
    KeepsNeedlessBlobs,
    TidiesLinesAway,
    DeletesWhatIsShared,
    NeverCollectsGarbage,
    OpensTheDeleted,
}

/// A store in memory that does one thing wrong.
#[derive(Debug, Clone)]
struct Broken {
    store: MemoryStore,
    wrong: Wrong,
    memory: Arc<Mutex<Memory>>,
    old_list: Arc<OnceLock<Vec<Listed>>>,
}

/// What it needs to know to be wrong.
#[derive(Debug, Default)]
struct Memory {
    headers: BTreeMap<SessionId, Vec<u8>>,
    hidden: BTreeSet<(SessionId, u64)>,
    blobs: BTreeMap<BlobId, Vec<u8>>,
    deleted: BTreeSet<SessionId>,
}

#[derive(Debug)]
enum Inner {
    Reader(Box<dyn SessionReader>),
    Writer(Box<dyn SessionWriter>),
}

#[derive(Debug)]
struct Session {
    inner: Inner,
    id: SessionId,
    store: Broken,
    /// The last line of the moment in which it was opened.
    last: Option<u64>,
    unsynced: Vec<u64>,
}

impl Broken {
    fn new(wrong: Wrong) -> Self {
        let (memory, old_list) = Default::default();
        Self { store: MemoryStore::new(), wrong, memory, old_list }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    fn session(&self, id: SessionId, inner: Inner) -> Session {
        let mut session =
            Session { inner, id, store: self.clone(), last: None, unsynced: Vec::new() };
        session.last = session.all(0).unwrap().last().map(|(seq, _)| *seq);
        session
    }

    fn writer(&self, id: SessionId, inner: Box<dyn SessionWriter>) -> Box<dyn SessionWriter> {
        Box::new(self.session(id, Inner::Writer(inner)))
    }
}

impl BundleStore for Broken {
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        let made = self.store.create(new)?;
        self.memory().headers.insert(new.id, new.header.to_vec());
        Ok(self.writer(new.id, made))
    }

    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        let listed = match self.wrong {
            Wrong::LooksInAnOldList => {
                self.old_list.get_or_init(|| self.store.list().unwrap()).clone()
            }
            Wrong::FindsTheOldest => self.store.list()?,
            _ => {
                let made = self.store.create_unless(new, is_it)?;
                return Ok(made.map(|made| self.writer(new.id, made)));
            }
        };
        let mut living = listed.iter().filter(|listed| listed.tombstone.is_none());
        match living.find(|listed| listed.header.as_deref().is_some_and(&mut *is_it)) {
            Some(found) => Ok(Err(found.id)),
            None => match self.store.create_unless(new, is_it)? {
                Err(found) if self.wrong == Wrong::FindsTheOldest => Ok(Err(found)),
                Err(_) => self.create(new).map(Ok),
                Ok(made) => Ok(Ok(self.writer(new.id, made))),
            },
        }
    }

    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError> {
        match self.store.open(id) {
            Err(BundleError::OpenElsewhere { .. }) if self.wrong == Wrong::OpensTwice => {
                Ok(Box::new(self.session(id, Inner::Reader(self.store.read(id)?))))
            }
            Err(BundleError::Deleted { .. }) if self.wrong == Wrong::OpensTheDeleted => {
                Ok(Box::new(self.session(id, Inner::Reader(self.store.read(id)?))))
            }
            opened => Ok(self.writer(id, opened?)),
        }
    }

    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError> {
        if self.wrong == Wrong::DeletesWhatIsShared && self.memory().deleted.contains(&id) {
            return Err(BundleError::Deleted { id });
        }
        Ok(Box::new(self.session(id, Inner::Reader(self.store.read(id)?))))
    }

    fn list(&self) -> Result<Vec<Listed>, BundleError> {
        let mut listed = self.store.list()?;
        if self.wrong == Wrong::ListsBackwards {
            listed.reverse();
        }
        if self.wrong == Wrong::ShowsHeadersOfTheDeleted {
            for listed in &mut listed {
                listed.header = self.memory().headers.get(&listed.id).cloned();
            }
        }
        Ok(listed)
    }

    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError> {
        self.store.delete(id, tombstone)?;
        self.memory().deleted.insert(id);
        Ok(())
    }

    fn collect_garbage(&self) -> Result<u64, BundleError> {
        match self.wrong {
            Wrong::NeverCollectsGarbage => Ok(0),
            _ => self.store.collect_garbage(),
        }
    }
}

impl Session {
    fn reader(&self) -> &dyn SessionReader {
        match &self.inner {
            Inner::Reader(reader) => &**reader,
            Inner::Writer(writer) => &**writer,
        }
    }

    fn writer(&mut self) -> &mut dyn SessionWriter {
        match &mut self.inner {
            Inner::Reader(_) => panic!("nobody should have been given this writer"),
            Inner::Writer(writer) => &mut **writer,
        }
    }

    /// The lines that it has not lost.
    fn all(&self, from: u64) -> Result<Vec<(u64, Vec<u8>)>, BundleError> {
        let mut lines = Vec::new();
        self.reader().lines(from, &mut |line| {
            lines.push((line.seq(), line.bytes().to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
        let memory = self.store.memory();
        lines.retain(|(seq, _)| !memory.hidden.contains(&(self.id, *seq)));
        Ok(lines)
    }

    fn hide(&self, seqs: impl IntoIterator<Item = u64>) {
        self.store.memory().hidden.extend(seqs.into_iter().map(|seq| (self.id, seq)));
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.store.wrong == wrong
    }
}

impl SessionReader for Session {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.reader().document(document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        let mut lines = self.all(match self.store.wrong {
            Wrong::SkipsTheFirstLineAskedFor if from > 0 => from.saturating_add(1),
            _ => from,
        })?;
        match (self.store.wrong, &self.inner) {
            (Wrong::ReversesLines, _) => lines.reverse(),
            (Wrong::ShowsReadersAnOldMoment, Inner::Reader(_)) => {
                lines.retain(|(seq, _)| Some(*seq) <= self.last);
            }
            _ => {}
        }
        for (seq, line) in lines {
            let is_over = visit(Line::new(seq, &line, self.location()))?.is_break();
            if is_over && !self.is(Wrong::ShowsMoreThanAskedFor) {
                break;
            }
        }
        Ok(())
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        let found = self.reader().blob(id)?;
        match self.store.wrong {
            Wrong::ForgetsEmptyBlobs => Ok(found.filter(|content| !content.is_empty())),
            Wrong::KeepsNeedlessBlobs => {
                Ok(found.or_else(|| self.store.memory().blobs.get(&id).cloned()))
            }
            _ => Ok(found),
        }
    }

    fn location(&self) -> &Path {
        self.reader().location()
    }
}

impl SessionWriter for Session {
    fn recovery(&self) -> Option<Recovery> {
        None
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        let mut lines = self.all(0)?;
        if self.is(Wrong::MisremembersTheLastLine) && lines.len() > 1 {
            lines.pop();
        }
        Ok(lines.pop())
    }

    fn append(&mut self, lines: &Lines, commit: Commit) -> Result<(), BundleError> {
        self.writer().append(lines, commit)?;
        if let (true, Some((last, _))) = (self.is(Wrong::LosesTheEndOfABatch), lines.last()) {
            self.hide((lines.iter().count() > 10).then_some(last));
        }
        match commit {
            Commit::Synced => self.unsynced.clear(),
            Commit::Buffered => self.unsynced.extend(lines.iter().map(|(seq, _)| seq)),
        }
        Ok(())
    }

    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError> {
        if self.is(Wrong::LosesLargeBlobs) && content.len() > 1 << 20 {
            return Ok(());
        }
        self.store.memory().blobs.insert(id, content.to_vec());
        self.writer().put_blob(id, content)
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        self.unsynced.clear();
        self.writer().sync()
    }

    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError> {
        let mut content = content.to_vec();
        if self.is(Wrong::AddsToDocuments) {
            let before = self.document(document)?.unwrap_or_default();
            content.extend(before.get(content.len()..).unwrap_or_default());
        }
        self.writer().put_document(document, &content)
    }

    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError> {
        let rewritten = self.writer().rewrite(first_changed, lines);
        if rewritten.is_err() && self.is(Wrong::RewritesHalfOfWhatIsShared) {
            self.hide([first_changed]);
        }
        rewritten
    }

    fn tidy(&mut self) -> Result<(), BundleError> {
        if self.is(Wrong::TidiesLinesAway) {
            self.hide([3]);
        }
        self.writer().tidy()
    }

    fn close(&mut self) -> Result<(), BundleError> {
        self.unsynced.clear();
        self.writer().close()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is(Wrong::ForgetsWhatIsNotSynced) {
            let unsynced = std::mem::take(&mut self.unsynced);
            self.hide(unsynced);
        }
    }
}

/// The message with which a check ends.
fn found_out(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("the check passes");
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.expect("the check says what is wrong").to_owned()
}

#[track_caller]
fn breaks(wrong: Wrong, expected: &str) {
    let store = Broken::new(wrong);
    let message = found_out(|| check_store(|| store.clone()));
    assert!(message.starts_with(expected), "{wrong:?} is found out by {message:?}");
}

macro_rules! found_out {
    ($($test:ident: $wrong:ident, $expected:literal;)*) => {$(
        #[test]
        fn $test() {
            breaks(Wrong::$wrong, $expected);
        }
    )*};
}

found_out! {
    lines_in_another_order: ReversesLines, "created: ";
    a_line_that_is_skipped: SkipsTheFirstLineAskedFor, "lines: ";
    a_visitor_that_is_not_heard: ShowsMoreThanAskedFor, "lines: the number of lines that were shown";
    a_line_that_is_lost: LosesTheEndOfABatch, "lines: ";
    a_wrong_last_line: MisremembersTheLastLine, "lines: the last line is";
    a_large_blob_that_is_lost: LosesLargeBlobs, "blobs: when it was put, a blob of 5242880 bytes";
    an_empty_blob_that_is_lost: ForgetsEmptyBlobs, "blobs: when it was put, a blob of 0 bytes";
    a_document_that_is_not_replaced_whole: AddsToDocuments, "documents: ";
    a_reader_that_sees_nothing_new: ShowsReadersAnOldMoment, "beside: ";
    lines_that_die_with_the_process: ForgetsWhatIsNotSynced, "durable: after a process that ended";
    two_writers: OpensTwice, "alone: opening what was just created gives Ok";
    a_session_that_is_made_twice: LooksInAnOldList, "once: the number of those who have created it";
    an_older_session_that_is_found: FindsTheOldest, "once: what is found of two";
    a_list_in_another_order: ListsBackwards, "listed: ";
    a_header_that_is_shown_of_a_deleted_session: ShowsHeadersOfTheDeleted, "deleted: what is listed";
    a_rewrite_that_is_done_in_part: RewritesHalfOfWhatIsShared, "rewritten: after what is shared";
    a_blob_that_is_kept_for_no_line: KeepsNeedlessBlobs, "rewritten: the blob";
    a_line_that_is_tidied_away: TidiesLinesAway, "tidy: when it is tidy";
    what_is_shared_and_deleted: DeletesWhatIsShared, "deleted: reading what is shared fails";
    garbage_that_stays: NeverCollectsGarbage, "deleted: nothing is removed";
    a_deleted_session_that_opens: OpensTheDeleted, "deleted: opening a deleted session gives Ok";
}

#[test]
fn a_store_that_forgets() {
    let message = found_out(|| check_store(MemoryStore::new));
    assert!(message.starts_with("listed: the number of sessions, by the next"), "{message}");
    let message = found_out(|| check_processes(MemoryStore::new));
    assert!(message.starts_with("processes: opening what another has open"), "{message}");
}
