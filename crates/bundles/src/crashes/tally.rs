/// What happened in some histories.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) histories: u64,
    pub(super) opened: u64,
    pub(super) acknowledged: u64,
    pub(super) blobs: u64,
    pub(super) snapshots: u64,
    pub(super) closed: u64,
    pub(super) tidied: u64,
    pub(super) kills: u64,
    pub(super) crashes: u64,
    pub(super) in_a_row: u64,
    pub(super) recoveries: u64,
    pub(super) erased_bytes: u64,
    /// Failures with a reason.
    pub(super) failures: u64,
    /// Appends that were taken by a bundle that had refused one before.
    pub(super) after_failures: u64,
    /// Bundles that took nothing more because a sync had failed.
    pub(super) stopped: u64,
    /// The most chunks that a session had.
    pub(super) chunks: u64,
}

impl Tally {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            opened: self.opened + other.opened,
            acknowledged: self.acknowledged + other.acknowledged,
            blobs: self.blobs + other.blobs,
            snapshots: self.snapshots + other.snapshots,
            closed: self.closed + other.closed,
            tidied: self.tidied + other.tidied,
            kills: self.kills + other.kills,
            crashes: self.crashes + other.crashes,
            in_a_row: self.in_a_row.max(other.in_a_row),
            recoveries: self.recoveries + other.recoveries,
            erased_bytes: self.erased_bytes + other.erased_bytes,
            failures: self.failures + other.failures,
            after_failures: self.after_failures + other.after_failures,
            stopped: self.stopped + other.stopped,
            chunks: self.chunks.max(other.chunks),
        }
    }

    /// The histories came by everything that they are to come by.
    pub(super) fn require_variety(&self) {
        for (count, least) in [
            (self.acknowledged, 1000),
            (self.blobs, 100),
            (self.snapshots, 100),
            (self.closed, 100),
            (self.tidied, 100),
            (self.kills, 100),
            (self.recoveries, 100),
            (self.failures, 100),
            (self.after_failures, 100),
            (self.stopped, 100),
            (self.in_a_row, 3),
            (self.chunks, 5),
        ] {
            assert!(count >= least, "{count} of {least}: {self:?}");
        }
    }
}
