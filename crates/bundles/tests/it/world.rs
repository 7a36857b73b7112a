//! Where sessions are kept in the tests, and what several tests need.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use maniple_bundles::{Action, Entry, MemoryStore, Meta, SessionView, Sessions};
use maniple_core::Payload;
use serde::Serialize;
use tempfile::TempDir;

/// Sessions that are gone with it.
pub(crate) struct World {
    pub(crate) sessions: Sessions,
    dir: Option<TempDir>,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self { sessions: Sessions::new(MemoryStore::new()), dir: None }
    }

    pub(crate) fn in_files() -> Self {
        let dir = temporary_dir();
        Self { sessions: Sessions::in_dir(dir.path()), dir: Some(dir) }
    }

    /// One for each kind of store.
    pub(crate) fn of_each_kind() -> [Self; 2] {
        [Self::in_memory(), Self::in_files()]
    }

    /// Another one of the same kind.
    pub(crate) fn another(&self) -> Self {
        if self.dir.is_some() { Self::in_files() } else { Self::in_memory() }
    }

    /// Where the files are.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }
}

/// A directory in memory, where the system has such a place: syncing is not what is tested.
pub(crate) fn temporary_dir() -> TempDir {
    let in_memory = TempDir::new_in("/dev/shm").ok();
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// All files below a directory.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    files
}

pub(crate) fn meta() -> Meta {
    Meta::new("test")
}

pub(crate) fn note(text: impl Into<String>) -> Action {
    Action::Note { text: text.into() }
}

pub(crate) fn payload<T: Serialize + ?Sized>(value: &T) -> Payload {
    Payload::encode(value).unwrap()
}

/// The texts of all notes.
pub(crate) fn texts(entries: &[Entry]) -> Vec<&str> {
    let text = |entry| match entry {
        &Entry { action: Action::Note { ref text }, .. } => Some(text.as_str()),
        _ => None,
    };
    entries.iter().filter_map(text).collect()
}

pub(crate) async fn exported(view: &SessionView) -> Vec<u8> {
    let out = Text::default();
    let exported = view.export(out.clone()).await.unwrap();
    let bytes = std::mem::take(&mut *out.0.lock().unwrap());
    assert_eq!(exported.bytes, u64::try_from(bytes.len()).unwrap());
    bytes
}

/// A text that is written.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Waits until the clock says something else than at the moment, so that what follows is later.
pub(crate) fn let_the_clock_tick() {
    let now = now_ms();
    while now_ms() <= now {
        std::thread::yield_now();
    }
}
