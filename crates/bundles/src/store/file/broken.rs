//! Deliberately broken variants of the rules, so that the simulation can show that it would notice.

/// A rule that a test can break. Nothing else can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// What is behind the last line that counts is covered, or cut.
    TailIsErased,
    /// A line says of no more actions that they are durable than are.
    SyncedIsDurable,
    /// What a sync answers is looked at.
    SyncErrorsCount,
    /// After a sync that failed nothing is taken.
    FailedSyncStops,
    /// The entry of a new chunk is synced.
    ChunkEntryIsSynced,
    /// Lines that may not be on the disk are written again.
    LinesAreWrittenAgain,
    /// So is the length of the chunk.
    LengthIsSetAgain,
    /// So are seals.
    SealsAreWrittenAgain,
    /// So is a header that no chunk follows.
    HeaderIsWrittenAgain,
    /// So is a chunk in place of others, before those go.
    ReplacingIsWrittenAgain,
    /// A directory whose entry was not synced is made again.
    DirectoriesAreMadeAgain,
    /// The hash of a line is compared.
    HashIsCompared,
    /// So is its number.
    NumberIsCompared,
    /// Blobs are synced before the lines that need them.
    BlobsBeforeLines,
    /// What comes in place of a blob is synced before.
    BlobsStayWhole,
    /// An unsynced line without its blobs is torn.
    BlobsAreLookedFor,
    /// Room is synced before it is used.
    RoomBeforeLines,
    /// Lines are synced before the seal behind them.
    LinesBeforeSeal,
    /// A seal is synced before what is behind it is cut.
    SealBeforeCut,
    /// A seal behind which something was written is none.
    SealIsLast,
    /// A chunk in place of others is durable before those go.
    ReplacingBeforeRemoving,
    /// What holds nothing that is needed is removed durably.
    RemovalsAreSynced,
    /// A line that is torn is evidence of nothing.
    TornIsNoEvidence,
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

impl Rule {
    /// Whether it is broken on this thread.
    #[cfg(test)]
    pub(crate) fn is_broken(self) -> bool {
        BROKEN.get() == Some(self)
    }

    /// Whether it is broken, which it is in tests alone.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "a test looks at which one it is")]
    pub(crate) const fn is_broken(self) -> bool {
        false
    }

    /// Breaks a rule on this thread, or none.
    #[cfg(test)]
    pub(crate) fn break_only(rule: Option<Self>) {
        BROKEN.set(rule);
    }

    /// Those that histories come by. The number of a line is in its hash, so that only who makes
    /// lines on purpose comes by that rule; and histories remove nothing that was needed.
    #[cfg(test)]
    pub(crate) const IN_HISTORIES: [Self; 21] = [
        Self::TailIsErased,
        Self::SyncedIsDurable,
        Self::SyncErrorsCount,
        Self::FailedSyncStops,
        Self::ChunkEntryIsSynced,
        Self::LinesAreWrittenAgain,
        Self::LengthIsSetAgain,
        Self::SealsAreWrittenAgain,
        Self::HeaderIsWrittenAgain,
        Self::ReplacingIsWrittenAgain,
        Self::DirectoriesAreMadeAgain,
        Self::HashIsCompared,
        Self::BlobsBeforeLines,
        Self::BlobsStayWhole,
        Self::BlobsAreLookedFor,
        Self::RoomBeforeLines,
        Self::LinesBeforeSeal,
        Self::SealBeforeCut,
        Self::SealIsLast,
        Self::ReplacingBeforeRemoving,
        Self::TornIsNoEvidence,
    ];
}
