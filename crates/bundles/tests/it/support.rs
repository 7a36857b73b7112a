//! What the tests share.

use std::path::{Path, PathBuf};

use maniple_bundles::{Action, BundleError, ContextBundle, Durability, Entry, Meta};
use tempfile::TempDir;

/// A session's directory that is removed with its parent.
pub(crate) struct Place {
    parent: TempDir,
}

impl Place {
    /// On a disk, where syncing is real.
    pub(crate) fn on_disk() -> Self {
        Self { parent: tempfile::tempdir().unwrap() }
    }

    /// In memory where the system has such a place: for tests that open thousands of times.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let in_memory = TempDir::new_in(memory).ok();
        Self { parent: in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap()) }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.parent.path().join("session")
    }

    pub(crate) fn parent(&self) -> &Path {
        self.parent.path()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir().join("log.jsonl")
    }

    pub(crate) fn header(&self) -> PathBuf {
        self.dir().join("bundle.json")
    }

    pub(crate) async fn create(&self) -> ContextBundle {
        ContextBundle::create(self.dir(), Meta::new("test"), Durability::Synced).await.unwrap()
    }

    pub(crate) async fn remount(&self) -> Result<ContextBundle, BundleError> {
        ContextBundle::remount(self.dir(), Durability::Synced).await
    }

    /// A session of these notes that was dropped, not closed.
    pub(crate) async fn with_notes(self, notes: &[&str]) -> Self {
        let bundle = self.create().await;
        for text in notes {
            bundle.append(note(*text)).await.unwrap();
        }
        drop(bundle);
        self
    }
}

pub(crate) fn note(text: impl Into<String>) -> Action {
    Action::Note { text: text.into() }
}

/// The texts of all notes.
pub(crate) fn texts(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| match &entry.action {
        Action::Note { text } => Some(text.clone()),
        _ => None,
    };
    entries.iter().filter_map(text).collect()
}

pub(crate) async fn notes(bundle: &ContextBundle) -> Vec<String> {
    texts(&bundle.actions().await.unwrap())
}

/// Writes a frame as the format says it, by means of its own.
pub(crate) fn frame(previous: [u8; 32], body: &str) -> (String, [u8; 32]) {
    let mut bytes = previous.to_vec();
    bytes.extend_from_slice(body.as_bytes());
    let hash = blake3::hash(&bytes);
    (format!("{{\"h\":\"{}\",\"b\":{body}}}\n", hash.to_hex()), *hash.as_bytes())
}

/// What stands before the first frame of a file.
pub(crate) fn origin(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}
