//! What can go wrong with a session.

mod damage;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maniple_core::{JournalError, Source};

pub use damage::Damage;

use crate::format::BlobId;
use crate::session::SessionId;

/// Why a session could not be opened, read or written.
///
/// It is cheap to clone, because one failed write answers every append that waited for it. The
/// text contains the text of the source.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The operating system refused: disk full, read-only, no permission, I/O error.
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io {
        /// What was attempted, as "append to".
        attempt: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no session of this id.
    #[error("there is no session {id}: create it first, or look for it in another store")]
    NotFound {
        /// The id.
        id: SessionId,
    },
    /// There is a session of this id already, or there was one.
    #[error("there is a session {id} already: remount it, or choose another id")]
    AlreadyExists {
        /// The id.
        id: SessionId,
    },
    /// The session was deleted.
    #[error("the session {id} was deleted")]
    Deleted {
        /// The id.
        id: SessionId,
    },
    /// What would be changed is shared with a session that was forked from this one.
    #[error(
        "the first {actions} actions of session {id} are shared with its forks: delete those first"
    )]
    Shared {
        /// The session.
        id: SessionId,
        /// How many of its actions are shared.
        actions: u64,
    },
    /// The session does not have that many actions.
    #[error("session {id} has {actions} actions, and not {asked}")]
    OutOfRange {
        /// The session.
        id: SessionId,
        /// How many it has.
        actions: u64,
        /// How many were asked for.
        asked: u64,
    },
    /// No checkpoint of the session has that name.
    #[error("session {id} has no checkpoint {name:?}")]
    NoCheckpoint {
        /// The session.
        id: SessionId,
        /// The name.
        name: String,
    },
    /// What stands there was dropped when the session was compacted.
    #[error("what session {id} had behind {asked} actions was dropped: choose a later point")]
    Dropped {
        /// The session.
        id: SessionId,
        /// Behind how many actions it was looked for.
        asked: u64,
    },
    /// Two sessions have no action in common, so that one cannot be merged into the other.
    #[error("sessions {id} and {other} have nothing in common: merge a fork")]
    Unrelated {
        /// The session.
        id: SessionId,
        /// The other one.
        other: SessionId,
    },
    /// A document is about another log than that of the session.
    #[error(
        "session {id} has not had these {actions} actions: check the document against the session that it is about"
    )]
    Misquoted {
        /// The session.
        id: SessionId,
        /// How many actions the document says that it had.
        actions: u64,
    },
    /// The session was compacted while it was read.
    #[error("{} was compacted while it was read: read it again", path.display())]
    Rewritten {
        /// What was read.
        path: PathBuf,
    },
    /// Somebody else works on the same files for too long.
    #[error("{} is in use: try again when whoever uses it is done", path.display())]
    Busy {
        /// What is in use.
        path: PathBuf,
    },
    /// Somebody else has opened the session although this writer has it locked: the lock does not
    /// hold on this file system, or its file was removed.
    #[error("another writer has opened the session in {}: this one may not go on", dir.display())]
    Fenced {
        /// The session's directory.
        dir: PathBuf,
    },
    /// A part of an action that is kept by itself is gone, or says something else.
    #[error("the blob {blob} in {} is {}: restore it from a copy", dir.display(), if *.is_missing { "missing" } else { "damaged" })]
    Blob {
        /// The session's directory.
        dir: PathBuf,
        /// The blob.
        blob: BlobId,
        /// It is gone, and not only changed.
        is_missing: bool,
    },
    /// Another bundle, in this process or another one, has the session open.
    #[error("the session in {} is open elsewhere: close it there first", dir.display())]
    OpenElsewhere {
        /// The session's directory.
        dir: PathBuf,
    },
    /// A link, directory or device stands where a file of the session belongs.
    #[error("{} is not a regular file: move it away", path.display())]
    NotAFile {
        /// The path in question.
        path: PathBuf,
    },
    /// A link, file or device stands where a directory of the session belongs.
    #[error("{} is not a directory: move it away", path.display())]
    NotADirectory {
        /// The path in question.
        path: PathBuf,
    },
    /// There is a log, but the file that says whose it is was lost.
    #[error("{} belongs to a session whose bundle.json is gone: restore that, or choose another directory", path.display())]
    Orphaned {
        /// The log.
        path: PathBuf,
    },
    /// A file does not say what was written to it.
    #[error("{} is damaged at line {line}, byte {offset} ({found}): restore it from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first line that is wrong, counted from 1.
        line: u64,
        /// Where that line begins, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with it.
        found: Damage,
    },
    /// A line is longer than any that this format has.
    #[error("{} has more than {limit} bytes in line {line}, at byte {offset}", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Where it begins, in bytes from the start of the file.
        offset: u64,
        /// The longest line, in bytes.
        limit: usize,
    },
    /// The session was written by a newer version.
    #[error("{} has schema {found} at line {line}, this version reads up to {known}: open it with a newer one", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The line's schema.
        found: u32,
        /// The newest schema that this version reads.
        known: u32,
    },
    /// An intact line holds an action of a kind that this version does not know.
    #[error("{} has the unknown action {kind:?} at line {line}: open it with a newer version", path.display())]
    UnknownAction {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The kind, as written.
        kind: String,
    },
    /// An intact line holds something that this version does not understand.
    #[error("cannot understand line {line} of {}: {source}", path.display())]
    Unintelligible {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the parser said.
        source: Arc<serde_json::Error>,
    },
    /// The action has no form in JSON. It was not accepted.
    #[error("cannot write the action as JSON: {source}")]
    Encode {
        /// What the serializer said.
        source: Arc<serde_json::Error>,
    },
    /// The value has no form in JSON. Nothing was accepted.
    #[error("cannot write the value as JSON: {source}")]
    NoForm {
        /// What its serializer said.
        source: Source,
    },
    /// The action holds a secret where it cannot be left out. It was not accepted.
    #[error("the action holds a secret ({}) where it cannot be left out: pass a reference to it instead", found.join(", "))]
    Secret {
        /// The names of what was found.
        found: Vec<String>,
    },
    /// The action is too long for one line. It was not accepted.
    #[error("the action has {bytes} bytes as JSON, more than {limit}: keep the content elsewhere")]
    TooLong {
        /// Its length as JSON, in bytes.
        bytes: usize,
        /// The longest that is taken, in bytes.
        limit: usize,
    },
    /// An earlier failure stopped the session, and nothing was taken after it.
    #[error("the session in {} has stopped, remount it when the cause is gone: {source}", dir.display())]
    Stopped {
        /// The session's directory.
        dir: PathBuf,
        /// The failure.
        source: Arc<BundleError>,
    },
    /// The bundle was closed.
    #[error("the session in {} is closed: remount it", dir.display())]
    Closed {
        /// The session's directory.
        dir: PathBuf,
    },
    /// The bundle's thread ended without a word, which is a defect of this crate.
    #[error("the writer of the session died: remount it")]
    WriterDied,
}

impl BundleError {
    /// The same error as a journal gives it when it takes no more records.
    pub(crate) fn stopped(self) -> JournalError {
        JournalError::Stopped { source: Source::new(self) }
    }

    /// The same error as a journal gives it when its records cannot be read.
    pub(crate) fn unreadable(self) -> JournalError {
        JournalError::Unreadable { source: Source::new(self) }
    }
}

/// Says what was attempted, and on what, where the operating system refused.
pub(crate) trait Attempt<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, BundleError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, BundleError> {
        self.map_err(|error| BundleError::Io {
            attempt,
            path: path.to_owned(),
            source: Arc::new(error),
        })
    }
}
