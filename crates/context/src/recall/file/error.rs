use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use maniple_core::{Class, Classify};

use crate::recall::{Handle, RecallError, ShortHandle};

/// What kept a [`FileRecall`](super::FileRecall) from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileRecallError {
    /// The operating system refused: disk full, read-only, no permission, I/O error.
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io {
        /// What was attempted, as "write".
        attempt: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What is wrong with a file of a [`FileRecall`](super::FileRecall).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its list of texts is not the one that it was named after, so none of them can be told.
    #[error("its list of texts was changed; remove it, or put its texts again")]
    List,
    /// One text of it was changed or cut off.
    #[error("a text in it was changed or cut off; put that text again")]
    Text,
}

impl Classify for FileRecallError {
    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::Interrupted
                | ErrorKind::TimedOut
                | ErrorKind::WouldBlock => Class::Transient,
                _ => Class::Permanent,
            },
            Self::Damaged { .. } => Class::Permanent,
        }
    }
}

impl FileRecallError {
    pub(super) fn on(self, handle: Handle) -> RecallError {
        match self {
            Self::Damaged { .. } => RecallError::Damaged { handle, source: self.into() },
            Self::Io { .. } => {
                RecallError::Store { handle, class: self.class(), source: self.into() }
            }
        }
    }

    pub(super) fn looking_for(self, short: ShortHandle) -> RecallError {
        RecallError::Search { short, class: self.class(), source: self.into() }
    }
}

/// Names what was attempted, and on what.
pub(super) trait Attempt<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, FileRecallError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, FileRecallError> {
        self.map_err(|source| FileRecallError::Io { attempt, path: path.to_owned(), source })
    }
}
