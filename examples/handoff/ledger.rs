//! The file in which the work is seen.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use maniple::core::{IdempotencyKey, InDoubt, Reconciled, Reconciler};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// A file that grows by a line for each file that was worked on.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    path: PathBuf,
    /// How many lines this process has added, and how many it has found instead.
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    added: AtomicU64,
    found: AtomicU64,
}

/// A line of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What the work was asked for by.
    pub(crate) key: String,
    pub(crate) file: String,
    pub(crate) bytes: u64,
}

impl Ledger {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join("ledger.jsonl"), counts: Arc::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many files this process has worked on.
    pub(crate) fn added(&self) -> u64 {
        self.counts.added.load(Ordering::Relaxed)
    }

    /// How many it did not, because the ledger had them.
    pub(crate) fn found(&self) -> u64 {
        self.counts.found.load(Ordering::Relaxed)
    }

    /// The lines that are whole.
    pub(crate) fn read(&self) -> Result<Vec<Entry>, Problem> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(Problem::io("read", &self.path))?,
        };
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let entry =
            |line| serde_json::from_str(line).map_err(|source| Problem::Unintelligible { source });
        lines.map(entry).collect()
    }

    /// Adds a line, and returns when it is on the disk.
    pub(crate) fn add(&self, entry: &Entry) -> Result<(), Problem> {
        let mut line = serde_json::to_string(entry).expect("texts and numbers have a form in JSON");
        line.push('\n');
        let failed = || Problem::io("append to", &self.path);
        let open = || OpenOptions::new().append(true).create(true).open(&self.path);
        let mut file: File = open().map_err(failed())?;
        // One write, so that no reader sees a part of it.
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(failed())?;
        self.counts.added.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What was written for this key, if that has happened.
    fn find(&self, key: IdempotencyKey) -> Result<Option<Entry>, Problem> {
        let key = key.to_string();
        Ok(self.read()?.into_iter().find(|entry| entry.key == key))
    }
}

/// Whether the work on a file has happened, of which no receipt was left, is seen in the ledger.
#[async_trait]
impl Reconciler for Ledger {
    async fn reconcile(&self, doubt: InDoubt) -> Reconciled {
        match self.find(doubt.idempotency_key) {
            Ok(Some(entry)) => {
                self.counts.found.fetch_add(1, Ordering::Relaxed);
                Reconciled::completed(&entry.bytes)
                    .unwrap_or_else(|error| Reconciled::Park(error.to_string().into()))
            }
            Ok(None) => Reconciled::Rerun,
            Err(problem) => Reconciled::Park(problem.to_string().into()),
        }
    }
}
