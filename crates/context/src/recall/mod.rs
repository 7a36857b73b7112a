//! Where dropped texts stay, so that a reduction loses nothing.

mod memory;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use maniple_core::{Class, Classify, Digest};
use serde::{Deserialize, Serialize};

pub use memory::MemoryRecall;

/// Names a dropped text by its content: 64 hexadecimal digits of its BLAKE3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(Digest);

impl Handle {
    /// The handle of a text.
    pub fn of(text: &str) -> Self {
        Self(Digest::of_bytes(text.as_bytes()))
    }

    /// The digest of the text.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl From<Digest> for Handle {
    fn from(digest: Digest) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Keeps texts by their content.
///
/// A call may block on a disk; an optimizer makes one per dropped segment. Texts are never changed,
/// so that keeping one twice is keeping it once, and a failed call may simply be made again.
pub trait RecallStore: fmt::Debug + Send + Sync {
    /// Keeps a text under `handle`, which is [`Handle::of`] it.
    ///
    /// # Errors
    /// When the text may not have been kept.
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError>;

    /// The text of a handle, byte for byte.
    ///
    /// # Errors
    /// [`RecallError::Unknown`] where no such text was kept; anything else when it cannot be told.
    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError>;
}

const _: Option<&dyn RecallStore> = None;

/// Why a text could not be kept or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecallError {
    /// The store never kept it, or no longer does.
    #[error("no dropped text is kept as {handle}: ask the store that the optimizer was built with")]
    Unknown {
        /// What was asked for.
        handle: Handle,
    },
    /// The store itself failed.
    #[error("the recall store failed on {handle}")]
    Store {
        /// What it was to keep or to give back.
        handle: Handle,
        /// Whether trying again can help.
        class: Class,
        /// The store's own error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Classify for RecallError {
    fn class(&self) -> Class {
        match self {
            Self::Unknown { .. } => Class::Permanent,
            Self::Store { class, .. } => *class,
        }
    }
}
