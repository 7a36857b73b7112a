use crate::error::BundleError;
use crate::format::{Encoded, write_body, write_frame};
use crate::log::Tip;
use crate::session::Header;
use crate::store::file::broken::Rule;
use crate::store::{Commit, Lines, SessionWriter};

/// How many bytes are collected before they are written: enough for a sync to be shared by many,
/// little enough to keep in memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Collects lines and commits them together.
#[derive(Debug)]
pub(super) struct Batch {
    committed: Tip,
    /// With the lines that are not committed yet.
    pending: Tip,
    /// How many actions are known to be durable.
    synced: u64,
    lines: Lines,
    blobs: Vec<(crate::format::BlobId, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    /// What follows on a log that is durable up to its tip.
    pub(super) fn new(tip: Tip) -> Self {
        Self {
            committed: tip,
            pending: tip,
            synced: tip.actions,
            lines: Lines::default(),
            blobs: Vec::new(),
            bytes: 0,
        }
    }

    /// What is in the store, and acknowledged.
    pub(super) fn committed(&self) -> Tip {
        self.committed
    }

    /// Whether so much waits that it should be committed before more is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    /// Adds a line and returns its number.
    pub(super) fn push(&mut self, header: &Header, time_ms: u64, mut action: Encoded) -> u64 {
        let Tip { actions: seq, head } = self.pending;
        let before = header.before(seq, head);
        let blobs = std::mem::take(&mut action.blobs);
        self.bytes += blobs.iter().map(|(_, content)| content.len()).sum::<usize>();
        self.blobs.extend(blobs);
        let length = self.lines.as_bytes().len();
        let synced = if Rule::SyncedIsDurable.is_broken() { seq + 1 } else { self.synced };
        let head = self.lines.push(seq, |out| {
            write_frame(out, &before, |out| write_body(out, seq, time_ms, synced, &action))
        });
        self.bytes += self.lines.as_bytes().len() - length;
        self.pending = Tip { actions: seq + 1, head };
        seq
    }

    /// Writes what was pushed in one piece. If that fails, none of it counts.
    pub(super) fn commit(
        &mut self,
        writer: &mut dyn SessionWriter,
        commit: Commit,
    ) -> Result<(), BundleError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let blobs = std::mem::take(&mut self.blobs);
        let put = blobs.iter().try_for_each(|(id, content)| writer.put_blob(*id, content));
        let written = put.and_then(|()| writer.append(&self.lines, commit));
        self.lines.clear(BATCH_BYTES);
        self.bytes = 0;
        match written {
            Ok(()) => self.committed = self.pending,
            Err(_) => self.pending = self.committed,
        }
        if written.is_ok() && commit == Commit::Synced {
            self.synced = self.committed.actions;
        }
        written
    }

    /// Everything committed is durable.
    pub(super) fn synced(&mut self) {
        self.synced = self.committed.actions;
    }
}
