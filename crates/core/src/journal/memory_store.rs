use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::future::{BoxFuture, FutureExt, ready};

use super::{Journal, JournalError, MemoryJournal, Record, RunStore, RunStoreError, UnfinishedRun};

/// A store that lives as long as the last clone of it: for tests, and for runs that may be resumed
/// within one process.
#[derive(Debug, Clone, Default)]
pub struct MemoryRunStore {
    runs: Arc<Mutex<BTreeMap<Arc<str>, Kept>>>,
}

#[derive(Debug, Default)]
struct Kept {
    journal: MemoryJournal,
    /// What was given to whoever is at it.
    held: Weak<Held>,
}

/// The journal of one run, for as long as somebody has it.
#[derive(Debug)]
struct Held(MemoryJournal);

impl MemoryRunStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all records of a run, in order; none where the store has no run of that name.
    pub fn records(&self, name: &str) -> Vec<Record> {
        self.lock().get(name).map(|kept| kept.journal.records()).unwrap_or_default()
    }

    fn hold(&self, name: &str) -> Result<Arc<dyn Journal>, RunStoreError> {
        let mut runs = self.lock();
        let kept = runs.entry(name.into()).or_default();
        if kept.held.strong_count() > 0 {
            return Err(RunStoreError::InUse { name: name.into() });
        }
        let held = Arc::new(Held(kept.journal.clone()));
        kept.held = Arc::downgrade(&held);
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Kept>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunStore for MemoryRunStore {
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<dyn Journal>, RunStoreError>> {
        async move { self.hold(name) }.boxed()
    }

    fn list_unfinished(&self) -> BoxFuture<'_, Result<Vec<UnfinishedRun>, RunStoreError>> {
        let runs = self.lock();
        let all = runs
            .iter()
            .filter_map(|(name, kept)| UnfinishedRun::of(name, &kept.journal.records()))
            .collect();
        ready(Ok(all)).boxed()
    }
}

impl Journal for Held {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        self.0.append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}
