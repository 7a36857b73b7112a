use std::path::PathBuf;

use crate::action::Action;
use crate::disk::{DiskFile, write_all_at};
use crate::durability::Durability;
use crate::error::{Attempt, BundleError};
use crate::format::{encode_action, write_body, write_frame};
use crate::log::Extent;

/// How many bytes are collected before they are written: enough for a sync to be shared by many,
/// little enough to keep in memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Collects lines and commits them together.
#[derive(Debug)]
pub(super) struct Appender {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    durability: Durability,
    committed: Extent,
    /// With the lines that are not committed yet.
    pending: Extent,
    batch: Vec<u8>,
}

impl Appender {
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        path: PathBuf,
        extent: Extent,
        durability: Durability,
    ) -> Self {
        Self { file, path, durability, committed: extent, pending: extent, batch: Vec::new() }
    }

    /// What is in the file, and acknowledged.
    pub(super) fn committed(&self) -> Extent {
        self.committed
    }

    /// Whether so much waits that it should be committed before more is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_BYTES
    }

    /// Adds a line and returns its number.
    pub(super) fn push(&mut self, time_ms: u64, action: &[u8]) -> u64 {
        let seq = self.pending.actions;
        let before = self.batch.len();
        let head = write_frame(&mut self.batch, &self.pending.head, |out| {
            write_body(out, seq, time_ms, action);
        });
        let written = u64::try_from(self.batch.len() - before).unwrap_or(u64::MAX);
        let bytes = self.pending.bytes + written;
        self.pending = Extent { bytes, actions: seq + 1, head, closed: false };
        seq
    }

    /// Writes what was pushed in one piece, and makes it durable as was chosen.
    ///
    /// If that fails, none of it counts and nothing more may be pushed: the file is cut back to
    /// what was committed before. If that fails too, what is left is a torn tail.
    pub(super) fn commit(&mut self) -> Result<(), BundleError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let written = write_all_at(&mut *self.file, self.committed.bytes, &self.batch)
            .attempt("append to", &self.path);
        let done = written.and_then(|()| match self.durability {
            Durability::Synced => self.sync(),
            Durability::Buffered => Ok(()),
        });
        if done.is_ok() {
            self.batch.clear();
            // One long action must not keep its memory for good.
            self.batch.shrink_to(BATCH_BYTES);
            self.committed = self.pending;
        } else {
            // After a failed sync the system may show lines that are not on the disk; cutting them
            // off keeps the next reader from believing them.
            let _ = self.file.set_len(self.committed.bytes);
        }
        done
    }

    /// Commits, writes that the log was closed, and makes everything durable.
    pub(super) fn close(&mut self, time_ms: u64) -> Result<(), BundleError> {
        self.commit()?;
        if !self.committed.closed {
            let action = encode_action(&Action::Closed)?;
            self.push(time_ms, &action);
            self.pending.closed = true;
            self.commit()?;
        }
        match self.durability {
            Durability::Synced => Ok(()),
            Durability::Buffered => self.sync(),
        }
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        self.file.sync_data().attempt("sync", &self.path)
    }
}
