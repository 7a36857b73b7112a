//! Where sessions are kept.

pub(crate) mod file;
pub(crate) mod lines;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::Path;

pub use file::FileStore;
pub use lines::{Line, Lines};
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, UnfitDatabase};

use crate::error::BundleError;
use crate::format::BlobId;
use crate::session::{Forked, SessionId};

/// A place for sessions: what a bundle needs of a file system, a database or a server.
///
/// A store keeps bytes and knows little of what they mean: for each session a log of numbered lines,
/// blobs named by their hash, and a few [documents](Document). The bundle makes the lines, chains
/// them by their hashes, and checks them when it reads them.
///
/// Every call blocks. A bundle makes them on a thread of its own, so that a store need not be
/// asynchronous; one that is can wait on the runtime of its client. Every implementation passes
/// `maniple_bundles::testkit::check_store` (feature `testkit`).
pub trait BundleStore: Debug + Send + Sync + 'static {
    /// Makes a session and opens it for writing, whole or not at all. It is durable when this
    /// returns.
    ///
    /// If it has a parent, that keeps what is shared as long as the new session exists, also where it
    /// is deleted and has kept it for another one until now.
    ///
    /// # Errors
    /// [`AlreadyExists`](BundleError::AlreadyExists) if there is a session of that id, or was one,
    /// [`NotFound`](BundleError::NotFound) and [`Deleted`](BundleError::Deleted) for the parent, or
    /// what the system refused.
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError>;

    /// Makes a session unless `is_it` says of the header of one that is not deleted that it is the
    /// one. Of two callers at the same time, one makes it and the other finds it. `Err` in the
    /// answer is the id of the one that was found: the newest, where there are more. `is_it` may not
    /// use the store.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError>;

    /// Opens a session for writing. Until the writer is dropped nobody else gets one. What it finds
    /// is durable when this returns, also where the process that wrote it was killed before it
    /// could sync.
    ///
    /// # Errors
    /// [`NotFound`](BundleError::NotFound), [`Deleted`](BundleError::Deleted),
    /// [`OpenElsewhere`](BundleError::OpenElsewhere), an error that names what is damaged, or what
    /// the system refused.
    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError>;

    /// Opens a session for reading, also while somebody writes it. One that is deleted can be read
    /// as long as it keeps what a fork shares with it.
    ///
    /// # Errors
    /// As for [`open`](Self::open), without [`OpenElsewhere`](BundleError::OpenElsewhere).
    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError>;

    /// All sessions in the order of their ids, which is that in which they were made, with those that
    /// are deleted. No log is opened.
    ///
    /// # Errors
    /// What the system refused.
    fn list(&self) -> Result<Vec<Listed>, BundleError>;

    /// Deletes a session: durably puts the tombstone in its place, and removes everything else. As
    /// long as a session forked from it is not deleted, what they share stays, although the session
    /// itself can be opened no more.
    ///
    /// # Errors
    /// As for [`open`](Self::open), or an error that names another session of which it is not known what
    /// it shares. Nothing is deleted then.
    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError>;

    /// Removes what nobody needs any more: what deleted sessions shared with sessions that are
    /// deleted too, and what was left by processes that died. Returns how many bytes that was.
    ///
    /// # Errors
    /// What the system refused.
    fn collect_garbage(&self) -> Result<u64, BundleError>;
}

const _: Option<&dyn BundleStore> = None;

/// A session that is to be made.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// The sessions with whose actions its log begins, the oldest first, each with how far that
    /// goes; none if it is no fork. A store keeps this, for it says what is
    /// [shared](BundleError::Shared).
    pub ancestors: &'a [Forked],
    /// Its header.
    pub header: &'a [u8],
}

impl<'a> NewSession<'a> {
    pub(crate) fn new(id: SessionId, ancestors: &'a [Forked], header: &'a [u8]) -> Self {
        Self { id, ancestors, header }
    }

    /// The session that it is a fork of, if it is one: the last of its ancestors.
    pub fn parent(&self) -> Option<SessionId> {
        self.ancestors.last().map(|forked| forked.from)
    }
}

/// What a store says of a session without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its id.
    pub id: SessionId,
    /// Its header; `None` if it is deleted.
    pub header: Option<Vec<u8>>,
    /// Its card, if it has one already.
    pub card: Option<Vec<u8>>,
    /// Its tombstone, if it is deleted.
    pub tombstone: Option<Vec<u8>>,
}

impl Listed {
    /// A session of which nothing is known but its id.
    pub fn new(id: SessionId) -> Self {
        Self { id, header: None, card: None, tombstone: None }
    }
}

/// A small thing that a store keeps for a session, and that is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Document {
    /// What the session is; written once, when it is created.
    Header,
    /// What a list shows of it.
    Card,
    /// What its log has come to.
    Snapshot,
    /// That it was deleted; written by [`BundleStore::delete`] alone.
    Tombstone,
}

/// Takes a line, and says whether there may be more.
pub type Visit<'a> = dyn FnMut(Line<'_>) -> Result<ControlFlow<()>, BundleError> + 'a;

/// A session that is read.
pub trait SessionReader: Debug + Send {
    /// What the document says; `None` if there is none.
    ///
    /// # Errors
    /// What the system refused.
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError>;

    /// Shows the lines whose number is at least `from`, in order, as far as there are any, until
    /// `visit` breaks off. Of a session that somebody else writes, it shows those that were written when
    /// it looked. `visit` may read documents and blobs from the same reader.
    ///
    /// # Errors
    /// What `visit` failed with, an error that names what is damaged, or what the system refused.
    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError>;

    /// What a blob says; `None` if there is none. Whether it says what its name demands is for the
    /// caller to see.
    ///
    /// # Errors
    /// What the system refused.
    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError>;

    /// Where the session is, for messages.
    fn location(&self) -> &Path;
}

const _: Option<&dyn SessionReader> = None;

/// A session that only this process can write.
///
/// Dropping it lets go of the session.
pub trait SessionWriter: SessionReader {
    /// What opening it erased; `None` if the log was whole.
    fn recovery(&self) -> Option<Recovery>;

    /// The last line, with its number; `None` if the session has no line of its own.
    ///
    /// # Errors
    /// What the system refused.
    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError>;

    /// Adds these lines behind the last, all or none, and the blobs that they need were put before.
    ///
    /// [`Commit::Synced`] makes them durable, with everything before them, and all blobs.
    ///
    /// # Errors
    /// What the system refused. None of the lines is found again then, and the next call may
    /// succeed; but after a sync that failed, every call fails with
    /// [`Stopped`](BundleError::Stopped), because what the system then shows need not be what it
    /// wrote. [`Fenced`](BundleError::Fenced) if somebody else opened the session all the same.
    fn append(&mut self, lines: &Lines, commit: Commit) -> Result<(), BundleError>;

    /// Keeps a blob, if it is not kept already. It is durable with the next sync.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError>;

    /// Makes all lines and blobs durable.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn sync(&mut self) -> Result<(), BundleError>;

    /// Puts a document in place of the one before, durably, and whole or not at all. A
    /// [`Card`](Document::Card) need not be durable: the loss of power may leave the one before, none,
    /// or one that cannot be read.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError>;

    /// Puts these lines in place of all lines, durably, and all or none. They are the same before
    /// `first_changed`, and the last has the number that the last line had. Blobs that
    /// [no line needs](Lines::blobs) any more are removed.
    ///
    /// # Errors
    /// [`Shared`](BundleError::Shared) if a session that is not deleted was forked from this one
    /// behind `first_changed`, or as for [`append`](Self::append).
    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError>;

    /// Brings what it keeps in good order, where many small writes have left it in many pieces. The
    /// lines stay as they are.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn tidy(&mut self) -> Result<(), BundleError>;

    /// Makes everything durable, and marks the log as complete. Nothing may be asked for after it
    /// but reading.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn close(&mut self) -> Result<(), BundleError>;
}

const _: Option<&dyn SessionWriter> = None;

/// Whether what is written is to be durable at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is the one question")]
pub enum Commit {
    /// It is durable when the call returns.
    Synced,
    /// It survives the death of the process, but perhaps not the loss of power.
    Buffered,
}

/// What opening a session for writing erased: the tail of a log whose last write a crash tore.
///
/// Nothing in it was acknowledged, unless the end of an intact log was damaged later: where the log
/// was not closed, the two look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The number of the first action that was erased, or would have come.
    pub seq: u64,
    /// How many bytes were erased.
    pub erased_bytes: u64,
}
