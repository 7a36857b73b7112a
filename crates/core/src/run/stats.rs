use std::sync::atomic::{AtomicU64, Ordering};

/// What this process's part of a run has done, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RunStats {
    /// Bodies of steps that ran.
    pub steps_run: u64,
    /// Steps that were answered from the journal.
    pub steps_replayed: u64,
    /// Durable branches that were entered.
    pub branches_run: u64,
    /// Durable branches that were answered from the journal.
    pub branches_replayed: u64,
    /// Steps that were found in doubt, those whose output was withheld included.
    pub in_doubt: u64,
    /// Tasks that did not end when they were aborted.
    pub zombies: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) steps_run: AtomicU64,
    pub(crate) steps_replayed: AtomicU64,
    pub(crate) branches_run: AtomicU64,
    pub(crate) branches_replayed: AtomicU64,
    pub(crate) in_doubt: AtomicU64,
    pub(crate) zombies: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> RunStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RunStats {
            steps_run: read(&self.steps_run),
            steps_replayed: read(&self.steps_replayed),
            branches_run: read(&self.branches_run),
            branches_replayed: read(&self.branches_replayed),
            in_doubt: read(&self.in_doubt),
            zombies: read(&self.zombies),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
