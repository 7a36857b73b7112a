use std::time::Duration;

use crate::store::Commit;

/// What an acknowledged append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The death of the process and the loss of power: an append is acknowledged after
    /// `fdatasync`. All appends that wait while one sync runs share the next.
    #[default]
    Synced,
    /// The same, for many writers that can wait: a sync is put off for this long after the first
    /// append that needs it, so that more can share it.
    Grouped {
        /// How long an append waits for others, at most.
        max_delay: Duration,
    },
    /// The death of the process, by `kill -9` too, but not the loss of power: an append is
    /// acknowledged after `write(2)`. [`sync`](crate::ContextBundle::sync), a snapshot and
    /// [`close`](crate::ContextBundle::close) sync.
    Buffered,
}

impl Durability {
    /// What a store is asked for.
    pub(crate) fn commit(self) -> Commit {
        match self {
            Self::Synced | Self::Grouped { .. } => Commit::Synced,
            Self::Buffered => Commit::Buffered,
        }
    }
}
