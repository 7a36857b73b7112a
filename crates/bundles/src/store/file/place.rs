use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::format::BlobId;
use crate::session::SessionId;
use crate::store::Document;

/// Where the files of a session are. Every path is the session's directory and a name that is made
/// here, and no link is followed out of it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    disk: Arc<dyn Disk>,
    pub(super) id: SessionId,
    dir: PathBuf,
}

impl Place {
    pub(super) fn new(disk: Arc<dyn Disk>, root: &Path, id: SessionId) -> Self {
        Self { disk, id, dir: root.join(id.to_string()) }
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn document(&self, document: Document) -> PathBuf {
        self.dir.join(match document {
            Document::Header => "bundle.json",
            Document::Card => "card.json",
            Document::Snapshot => "snapshot.json",
            Document::Tombstone => "deleted.json",
        })
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// How often the session was opened for writing. The lock itself says nothing, because a file
    /// that is locked cannot be read everywhere.
    pub(super) fn epoch(&self) -> PathBuf {
        self.dir.join("epoch")
    }

    pub(super) fn chunk(&self, name: ChunkName) -> PathBuf {
        self.dir.join(name.to_string())
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    pub(super) fn blob(&self, id: BlobId) -> PathBuf {
        self.blobs().join(id.to_string())
    }

    /// What is written before it is put in place. Only the writer has one, and one at a time.
    pub(super) fn temporary(&self) -> PathBuf {
        self.dir.join("new")
    }
}

/// The name of a chunk: by its first action, so that chunks sort as their actions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkName {
    /// The one log of a session of schema 0, which is always the first chunk.
    Schema0,
    /// A chunk whose first action has this number.
    From(u64),
    /// A chunk with all actions from the first number up to before the second. Others that begin
    /// there are those that it was put in place of, which a crash may have left.
    Instead(u64, u64),
}

impl ChunkName {
    pub(super) fn read(text: &str) -> Option<Self> {
        if text == Self::Schema0.to_string() {
            return Some(Self::Schema0);
        }
        let numbers = text.strip_suffix(".jsonl")?;
        let name = match numbers.split_once('-') {
            None => Self::From(numbers.parse().ok()?),
            Some((first, until)) => Self::Instead(first.parse().ok()?, until.parse().ok()?),
        };
        // Other spellings of the number are not ours.
        (name.to_string() == text).then_some(name)
    }

    pub(super) fn first(self) -> u64 {
        match self {
            Self::Schema0 => 0,
            Self::From(first) | Self::Instead(first, _) => first,
        }
    }

    /// Whether everything that is in the other chunk is in this one.
    pub(super) fn replaces(self, other: Self) -> bool {
        let Self::Instead(first, until) = self else { return false };
        let end = match other {
            Self::Instead(_, until) => until,
            _ => other.first().saturating_add(1),
        };
        self != other && first <= other.first() && end <= until
    }
}

impl std::fmt::Display for ChunkName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Schema0 => f.write_str("log.jsonl"),
            Self::From(first) => write!(f, "{first:020}.jsonl"),
            Self::Instead(first, until) => write!(f, "{first:020}-{until:020}.jsonl"),
        }
    }
}
