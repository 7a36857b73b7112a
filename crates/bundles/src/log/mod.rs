//! Reading a log: line by line in bounded memory, with every hash, number and action checked.

mod lines;
mod recovery;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use lines::{Line, LineError, Lines};
pub use recovery::Recovery;
pub(crate) use recovery::recover;
pub(crate) use scan::{Flaw, Scan};

use crate::format::ChainHead;

/// How far a log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its length, in bytes.
    pub(crate) bytes: u64,
    /// How many actions it has, which is also the number of the next one.
    pub(crate) actions: u64,
    /// The hash of its last line.
    pub(crate) head: ChainHead,
    /// Whether its last action says that it was closed.
    pub(crate) closed: bool,
}

impl Extent {
    pub(crate) fn empty(head: ChainHead) -> Self {
        Self { bytes: 0, actions: 0, head, closed: false }
    }
}

/// A log that was read from its beginning and found intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many actions it has.
    pub actions: u64,
    /// Its length, in bytes.
    pub bytes: u64,
    /// The hash of its last line; keep it elsewhere to tell later whether the log was rewritten.
    pub head: ChainHead,
}

impl From<Extent> for Verified {
    fn from(extent: Extent) -> Self {
        Self { actions: extent.actions, bytes: extent.bytes, head: extent.head }
    }
}
