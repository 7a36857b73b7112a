//! A store that says what it is asked for, and waits until it may go on.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use maniple_bundles::{
    BlobId, BundleError, BundleStore, Commit, Document, Lines, Listed, MemoryStore, NewSession,
    Recovery, SessionId, SessionReader, SessionWriter, Visit,
};

#[derive(Debug)]
pub(crate) struct Watched {
    store: MemoryStore,
    gate: Arc<Gate>,
    _lives: Sender<()>,
}

/// What every commit passes.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// Nothing passes until it is opened.
    is_shut: bool,
    /// Nothing passes any more after so many.
    last: Option<usize>,
    /// How many lines each had.
    commits: Vec<(usize, Commit)>,
    /// What is done before somebody is shown this.
    interrupt: Option<(Shown, Job)>,
}

/// What a reader is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Lines,
    Blob,
}

struct Job(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Gate {
    pub(crate) fn shut(&self) {
        self.inner.lock().unwrap().is_shut = true;
    }

    /// Refuses everything after so many commits; `None` refuses nothing.
    pub(crate) fn refuse_after(&self, last: Option<usize>) {
        self.inner.lock().unwrap().last = last;
    }

    pub(crate) fn open(&self) {
        self.inner.lock().unwrap().is_shut = false;
        self.changed.notify_all();
    }

    /// Waits until so many commits were asked for.
    pub(crate) fn wait_for(&self, commits: usize) {
        let inner = self.inner.lock().unwrap();
        drop(self.changed.wait_while(inner, |inner| inner.commits.len() < commits).unwrap());
    }

    pub(crate) fn commits(&self) -> Vec<(usize, Commit)> {
        self.inner.lock().unwrap().commits.clone()
    }

    /// Does this once, before a reader that does not write is shown that.
    pub(crate) fn interrupt(&self, before: Shown, job: impl FnOnce() + Send + 'static) {
        self.inner.lock().unwrap().interrupt = Some((before, Job(Box::new(job))));
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        self.inner.lock().unwrap().interrupt.is_none()
    }

    fn show(&self, shown: Shown) {
        let job = self.inner.lock().unwrap().interrupt.take_if(|(before, _)| *before == shown);
        if let Some((_, Job(job))) = job {
            job();
        }
    }

    fn pass(&self, lines: usize, commit: Commit) -> Result<(), BundleError> {
        let mut inner = self.inner.lock().unwrap();
        if inner.last.is_some_and(|last| inner.commits.len() >= last) {
            let source = Arc::new(std::io::ErrorKind::StorageFull.into());
            return Err(BundleError::Io { attempt: "append to", path: "watched".into(), source });
        }
        inner.commits.push((lines, commit));
        self.changed.notify_all();
        drop(self.changed.wait_while(inner, |inner| inner.is_shut).unwrap());
        Ok(())
    }
}

impl Watched {
    /// Whoever receives is told by an error when the store is gone.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (lives, gone) = channel();
        (Self { store: MemoryStore::new(), gate: Arc::default(), _lives: lives }, gone)
    }

    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    fn writer(&self, writer: Box<dyn SessionWriter>) -> Box<dyn SessionWriter> {
        Box::new(Writer { writer, gate: self.gate() })
    }
}

impl BundleStore for Watched {
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        self.store.create(new).map(|writer| self.writer(writer))
    }

    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        let made = self.store.create_unless(new, is_it)?;
        Ok(made.map(|writer| self.writer(writer)))
    }

    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError> {
        self.store.open(id).map(|writer| self.writer(writer))
    }

    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError> {
        let reader = self.store.read(id)?;
        Ok(Box::new(Reader { reader, gate: self.gate() }))
    }

    fn list(&self) -> Result<Vec<Listed>, BundleError> {
        self.store.list()
    }

    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError> {
        self.store.delete(id, tombstone)
    }

    fn collect_garbage(&self) -> Result<u64, BundleError> {
        self.store.collect_garbage()
    }
}

#[derive(Debug)]
struct Reader {
    reader: Box<dyn SessionReader>,
    gate: Arc<Gate>,
}

impl SessionReader for Reader {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.reader.document(document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        self.gate.show(Shown::Lines);
        self.reader.lines(from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        self.gate.show(Shown::Blob);
        self.reader.blob(id)
    }

    fn location(&self) -> &Path {
        self.reader.location()
    }
}

#[derive(Debug)]
struct Writer {
    writer: Box<dyn SessionWriter>,
    gate: Arc<Gate>,
}

impl SessionReader for Writer {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.writer.document(document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        self.writer.lines(from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        self.writer.blob(id)
    }

    fn location(&self) -> &Path {
        self.writer.location()
    }
}

impl SessionWriter for Writer {
    fn recovery(&self) -> Option<Recovery> {
        self.writer.recovery()
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        self.writer.last()
    }

    fn append(&mut self, lines: &Lines, commit: Commit) -> Result<(), BundleError> {
        self.gate.pass(lines.iter().count(), commit)?;
        self.writer.append(lines, commit)
    }

    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError> {
        self.writer.put_blob(id, content)
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        self.writer.sync()
    }

    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError> {
        self.writer.put_document(document, content)
    }

    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError> {
        self.writer.rewrite(first_changed, lines)
    }

    fn tidy(&mut self) -> Result<(), BundleError> {
        self.writer.tidy()
    }

    fn close(&mut self) -> Result<(), BundleError> {
        self.writer.close()
    }
}
