//! A log as it is read: its lines, checked and in order, whichever store has them.

mod chain;
mod replay;

pub(crate) use chain::{Chain, Flaw};
pub(crate) use replay::{Log, Step, Tip, missing};

use crate::format::ChainHead;

/// A log that was read from its beginning and found intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many actions it has.
    pub actions: u64,
    /// The hash of its last line; keep it elsewhere to tell later whether the log was rewritten.
    pub head: ChainHead,
    /// How many blobs were read and compared with their names.
    pub blobs: u64,
}
