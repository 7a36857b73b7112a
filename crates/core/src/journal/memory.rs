use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};

use super::{Journal, JournalError, Record};

/// A journal that lives as long as the last clone of it: for tests, and for runs that may be
/// resumed within one process.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<Vec<Record>>>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all records, in order.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl FromIterator<Record> for MemoryJournal {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        Self { records: Arc::new(Mutex::new(records.into_iter().collect())) }
    }
}

impl Journal for MemoryJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        ready(Ok(())).boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        ready(Ok(self.records())).boxed()
    }
}
