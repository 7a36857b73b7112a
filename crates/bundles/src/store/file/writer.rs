use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::FileStore;
use super::broken::Rule;
use super::files;
use super::lock::Lock;
use super::marks::Begin;
use super::open_chunk::{Failure, OpenChunk};
use super::place::Place;
use super::reader::{Until, chunk_names, read_blob, read_document, read_lines};
use super::rewrite::{merge, replace_all};
use crate::disk::Access;
use crate::error::{Attempt, BundleError};
use crate::format::{BlobId, ChainHead, Frame, SCHEMA};
use crate::log::Tip;
use crate::session::Header;
use crate::store::{Commit, Document, Lines, Recovery, SessionReader, SessionWriter, Visit};

/// A session in files that is written.
#[derive(Debug)]
pub(super) struct FileWriter {
    store: FileStore,
    place: Place,
    header: Header,
    lock: Lock,
    recovery: Option<Recovery>,
    chunk: Option<OpenChunk>,
    last: Option<(u64, Vec<u8>)>,
    /// What is kept under its name, for sure.
    blobs: BTreeSet<BlobId>,
    unsynced_blobs: BTreeSet<BlobId>,
    /// The directory of the blobs is there, durably.
    has_blobs_dir: bool,
    /// Lines or blobs were written that are not synced.
    unsynced: bool,
    /// A sync failed.
    stopped: Option<Arc<BundleError>>,
}

impl FileWriter {
    pub(super) fn new(
        store: FileStore,
        place: Place,
        header: Header,
        lock: Lock,
        last: Option<(u64, Vec<u8>)>,
        recovery: Option<Recovery>,
    ) -> Self {
        Self {
            store,
            place,
            header,
            lock,
            recovery,
            chunk: None,
            last,
            blobs: BTreeSet::new(),
            unsynced_blobs: BTreeSet::new(),
            has_blobs_dir: false,
            unsynced: false,
            stopped: None,
        }
    }

    fn require_life(&self) -> Result<(), BundleError> {
        match &self.stopped {
            Some(source) => {
                let (dir, source) = (self.place.dir().to_owned(), Arc::clone(source));
                Err(BundleError::Stopped { dir, source })
            }
            None => Ok(()),
        }
    }

    fn failed(&mut self, failure: Failure) -> BundleError {
        match failure {
            Failure::Doubtful(error) if Rule::FailedSyncStops.is_broken() => error,
            Failure::Refused(error) => error,
            Failure::Doubtful(error) => {
                self.stopped = Some(Arc::new(error.clone()));
                error
            }
        }
    }

    fn tip(&self) -> Result<Tip, BundleError> {
        Tip::behind(&self.header, self.last.as_ref(), self.place.dir())
    }

    /// The hash that the last line states, from which a seal goes on.
    fn stated(&self) -> Result<(u64, ChainHead), BundleError> {
        let Tip { actions, head } = self.tip()?;
        let stated = self.last.as_ref().and_then(|(_, line)| Frame::read(line)?.stated_head());
        Ok((actions, stated.unwrap_or(head)))
    }

    fn ready_chunk(&mut self, commit: Commit) -> Result<&mut OpenChunk, BundleError> {
        if self.chunk.as_ref().is_some_and(OpenChunk::is_full) {
            self.seal()?;
        }
        if self.chunk.is_none() {
            self.lock.check(&self.place)?;
            let Tip { actions, head } = self.tip()?;
            let begin = Begin {
                schema: SCHEMA,
                session: self.place.id,
                seq: actions,
                after: head,
                preallocated: commit == Commit::Synced,
            };
            self.chunk = Some(OpenChunk::create(&self.place, &begin)?);
        }
        Ok(self.chunk.as_mut().expect("there is one by now"))
    }

    /// Ends the chunk that is written to, if there is one.
    fn seal(&mut self) -> Result<(), BundleError> {
        if !Rule::LinesBeforeSeal.is_broken() {
            self.sync()?;
        }
        let (seq, head) = self.stated()?;
        if let Some(chunk) = &mut self.chunk {
            match chunk.seal(seq, &head) {
                Ok(()) => self.chunk = None,
                Err(failure) => return Err(self.failed(failure)),
            }
        }
        Ok(())
    }

    fn sync_blobs(&mut self) -> Result<(), BundleError> {
        if self.unsynced_blobs.is_empty() || Rule::BlobsBeforeLines.is_broken() {
            return Ok(());
        }
        let disk = self.place.disk();
        let synced = self.unsynced_blobs.iter().try_for_each(|id| {
            let path = self.place.blob(*id);
            let file = disk.open(&path, Access::Write).attempt("open", &path);
            let synced = file.map_err(Failure::Refused)?.sync_all().attempt("sync", &path);
            synced.map_err(Failure::Doubtful)
        });
        let sync_entries = || files::sync_dir(disk, &self.place.blobs());
        if let Err(failure) = synced.and_then(|()| sync_entries().map_err(Failure::Doubtful)) {
            return Err(self.failed(failure));
        }
        self.blobs.append(&mut self.unsynced_blobs);
        Ok(())
    }
}

impl SessionReader for FileWriter {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        read_document(&self.place, document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        let until = match &self.chunk {
            Some(chunk) => Until::Byte(chunk.name(), chunk.end()),
            None => Until::Intact,
        };
        read_lines(&self.place, &self.header, until, from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        read_blob(&self.place, id)
    }

    fn location(&self) -> &Path {
        self.place.dir()
    }
}

impl SessionWriter for FileWriter {
    fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        Ok(self.last.clone())
    }

    fn append(&mut self, lines: &Lines, commit: Commit) -> Result<(), BundleError> {
        self.require_life()?;
        let Some((seq, last)) = lines.last() else { return Ok(()) };
        let (bytes, last) = (lines.as_bytes(), last.to_vec());
        self.lock.check(&self.place)?;
        if commit == Commit::Synced {
            self.sync_blobs()?;
        }
        let chunk = self.ready_chunk(commit)?;
        let written = chunk.write(bytes).and_then(|()| match commit {
            Commit::Synced => chunk.sync(),
            Commit::Buffered => Ok(()),
        });
        match written {
            Ok(()) => chunk.keep(bytes),
            Err(failure) => return Err(self.failed(failure)),
        }
        self.unsynced = commit == Commit::Buffered;
        self.last = Some((seq, last));
        Ok(())
    }

    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError> {
        self.require_life()?;
        if self.blobs.contains(&id) || self.unsynced_blobs.contains(&id) {
            return Ok(());
        }
        // Whoever has opened the session since writes by the same temporary name.
        self.lock.check(&self.place)?;
        let disk = self.place.disk();
        if !self.has_blobs_dir {
            files::require_dir_if_any(disk, &self.place.blobs())?;
            files::make_dir(disk, &self.place.blobs())?;
            self.has_blobs_dir = true;
        }
        let (path, temporary) = (self.place.blob(id), self.place.temporary());
        if files::exists(disk, &path)? && !Rule::BlobsStayWhole.is_broken() {
            // One that another process left may not be whole, or not on the disk. It may also be
            // needed, so what comes in its place is synced before.
            files::replace(disk, &path, &temporary, content)?;
        } else {
            files::put(disk, &path, &temporary, content)?;
        }
        self.unsynced_blobs.insert(id);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        self.require_life()?;
        self.sync_blobs()?;
        if let Some(chunk) = &mut self.chunk
            && self.unsynced
        {
            match chunk.sync() {
                Ok(()) => self.unsynced = false,
                Err(failure) => return Err(self.failed(failure)),
            }
        }
        Ok(())
    }

    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError> {
        self.require_life()?;
        self.lock.check(&self.place)?;
        let (path, temporary) = (self.place.document(document), self.place.temporary());
        match document {
            // It says nothing that the log does not, so it is not worth a sync.
            Document::Card => files::overwrite(self.place.disk(), &path, content),
            _ => files::write_atomically(self.place.disk(), &path, &temporary, content),
        }
    }

    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError> {
        self.require_life()?;
        self.lock.check(&self.place)?;
        self.seal()?;
        let Some((seq, last)) = lines.last() else { return Ok(()) };
        let begin = Begin {
            schema: SCHEMA,
            session: self.place.id,
            seq: self.header.first_own(),
            after: self.header.before_own(),
            preallocated: false,
        };
        let _held = self.store.hold()?;
        let shared = self.store.shared(self.place.id)?;
        if shared > first_changed {
            return Err(BundleError::Shared { id: self.place.id, actions: shared });
        }
        if let Err(error) = replace_all(&self.place, begin, lines) {
            // The one log may be seen now, and the other be on the disk.
            return Err(self.failed(Failure::Doubtful(error)));
        }
        self.blobs.clear();
        self.last = Some((seq, last.to_vec()));
        Ok(())
    }

    fn tidy(&mut self) -> Result<(), BundleError> {
        self.require_life()?;
        self.lock.check(&self.place)?;
        self.seal()?;
        merge(&self.place, &chunk_names(&self.place)?)
    }

    fn close(&mut self) -> Result<(), BundleError> {
        self.require_life()?;
        self.lock.check(&self.place)?;
        self.seal()
    }
}
