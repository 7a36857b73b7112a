use std::path::Path;

use super::failure::Failure;
use super::reader::SqliteReader;
use super::shelf::Shelf;
use crate::error::BundleError;
use crate::format::BlobId;
use crate::session::SessionId;
use crate::store::file::lock::Held;
use crate::store::{Commit, Document, Lines, Recovery, SessionReader, SessionWriter, Visit};

/// A session in a database that is written.
#[derive(Debug)]
pub(super) struct SqliteWriter {
    reader: SqliteReader,
    id: SessionId,
    _held: Held,
    epoch: i64,
    /// How many syncs had failed when it was opened.
    doubts: u64,
    /// Something was committed that is not synced.
    is_unsynced: bool,
}

impl SqliteWriter {
    pub(super) fn new(
        reader: SqliteReader,
        id: SessionId,
        held: Held,
        epoch: i64,
        doubts: u64,
    ) -> Self {
        Self { reader, id, _held: held, epoch, doubts, is_unsynced: false }
    }

    /// Does something in one transaction, if nobody else has opened the session since.
    fn write(
        &mut self,
        attempt: &'static str,
        commit: Commit,
        act: impl FnOnce(&Shelf<'_>, i64) -> Result<(), Failure>,
    ) -> Result<(), BundleError> {
        let SqliteReader { database, session, .. } = &self.reader;
        let mut turn = database.turn();
        let dir = || self.reader.location().to_owned();
        if let Some(source) = turn.doubt_since(self.doubts) {
            return Err(BundleError::Stopped { dir: dir(), source });
        }
        turn.write(attempt, commit, |shelf| {
            if shelf.epoch(*session)? != self.epoch {
                return Err(BundleError::Fenced { dir: dir() }.into());
            }
            act(shelf, *session)
        })
    }
}

impl SessionReader for SqliteWriter {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.reader.document(document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        self.reader.lines(from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        self.reader.blob(id)
    }

    fn location(&self) -> &Path {
        self.reader.location()
    }
}

impl SessionWriter for SqliteWriter {
    /// A transaction that a crash cut short was never there.
    fn recovery(&self) -> Option<Recovery> {
        None
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        self.reader.last()
    }

    fn append(&mut self, lines: &Lines, commit: Commit) -> Result<(), BundleError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.write("append to", commit, |shelf, session| shelf.add_lines(session, 0, lines))?;
        self.is_unsynced = commit == Commit::Buffered;
        Ok(())
    }

    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError> {
        self.write("put a blob into", Commit::Buffered, |shelf, session| {
            shelf.put_blob(session, id, content)
        })?;
        self.is_unsynced = true;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        if self.is_unsynced {
            self.write("sync", Commit::Synced, |shelf, session| {
                shelf.count_sync(session).map(drop)
            })?;
            self.is_unsynced = false;
        }
        Ok(())
    }

    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError> {
        self.write("write to", Commit::Synced, |shelf, session| {
            shelf.put_document(session, document, content)
        })
    }

    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError> {
        let id = self.id;
        self.write("rewrite a session in", Commit::Synced, |shelf, session| {
            let actions = shelf.shared(id)?;
            if actions > first_changed {
                return Err(BundleError::Shared { id, actions }.into());
            }
            shelf.remove_lines(session, first_changed)?;
            shelf.add_lines(session, first_changed, lines)?;
            shelf.remove_needless_blobs(session, lines)
        })
    }

    fn tidy(&mut self) -> Result<(), BundleError> {
        self.sync()?;
        self.reader.database.turn().checkpoint()
    }

    fn close(&mut self) -> Result<(), BundleError> {
        self.sync()
    }
}
