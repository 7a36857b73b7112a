use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::future::{BoxFuture, FutureExt, ready};

use super::{Journal, JournalError, Record};

/// A journal that lives as long as the last clone of it: for tests, and for runs that may be
/// resumed within one process.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<Records>>,
}

/// In blocks, so that a long journal is not copied as it grows while a run waits for it.
#[derive(Debug, Default)]
struct Records {
    full: Vec<Vec<Record>>,
    last: Vec<Record>,
}

/// How many records a block holds.
const BLOCK: usize = 256;

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all records, in order.
    pub fn records(&self) -> Vec<Record> {
        let records = self.lock();
        records.full.iter().flatten().chain(&records.last).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<Record> for MemoryJournal {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        let records = Records { full: Vec::new(), last: records.into_iter().collect() };
        Self { records: Arc::new(Mutex::new(records)) }
    }
}

impl Journal for MemoryJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut records = self.lock();
        if records.last.len() == records.last.capacity() {
            let full = std::mem::replace(&mut records.last, Vec::with_capacity(BLOCK));
            records.full.push(full);
        }
        records.last.push(record);
        drop(records);
        // It holds nothing, so that boxing it allocates nothing.
        poll_fn(|_| Poll::Ready(Ok(()))).boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        ready(Ok(self.records())).boxed()
    }
}
