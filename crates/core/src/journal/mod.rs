//! What a run writes down, so that it can go on after a crash without doing anything twice.

mod history;
mod memory;
mod memory_store;
mod record;
mod store;

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;

pub(crate) use history::{History, Mark, Open, Spot, Standing, Visit};
pub use memory::MemoryJournal;
pub use memory_store::MemoryRunStore;
pub(crate) use record::Answer;
pub use record::{Fact, Outcome, Payload, Record};
pub use store::{RunStore, RunStoreError, UnfinishedRun};

use crate::error::Source;

/// An append-only list of [`Record`]s that outlives the process.
///
/// It is the minimum that a store has to give; what the records mean is decided by the run alone.
/// Every implementation passes `maniple_core::testkit::check_journal` (feature `testkit`).
pub trait Journal: Debug + Send + Sync + 'static {
    /// Takes a record.
    ///
    /// The record is *accepted*, behind every record accepted before it, when this call returns; the
    /// future only waits until it is *durable*. Dropping the future loses nothing but that
    /// knowledge. The call is made while the run's state is locked: it must not block, so a store
    /// that does I/O hands the record to a thread of its own.
    ///
    /// A store that keeps no secrets may write the record [withheld](Record::withhold), and loads it so
    /// from then on.
    ///
    /// # Errors
    /// The future ends with an error when the record did not become durable, or may not have. From
    /// then on the store refuses every record until it is opened again, so that what is durable is
    /// always a prefix of what was accepted.
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>>;

    /// All records accepted so far, in order: those of earlier processes first.
    ///
    /// # Errors
    /// When they cannot be read, or what was read is damaged.
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>>;
}

const _: Option<&dyn Journal> = None;

impl<J: Journal + ?Sized> Journal for Arc<J> {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        (**self).append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        (**self).load()
    }
}

/// Why a journal could not take or give records.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A record did not become durable, and nothing was taken after it. The journal must be opened
    /// again when the cause is gone.
    #[error("the journal has stopped, open the run again when the cause is gone: {source}")]
    Stopped {
        /// The store's own error.
        source: Source,
    },
    /// The records cannot be read, or are damaged; the source names the place.
    #[error("cannot read the journal: {source}")]
    Unreadable {
        /// The store's own error.
        source: Source,
    },
    /// The records do not fit together.
    #[error("record {seq} does not fit the records before it: {found}")]
    Inconsistent {
        /// The record's place, from 0.
        seq: u64,
        /// What does not fit.
        found: &'static str,
    },
}
