//! Where the tests keep sessions, and what they look at there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maniple_bundles::{Action, ContextBundle, Entry, Meta, SessionId, Sessions};
use tempfile::TempDir;

/// The first chunk of a session.
pub(crate) const CHUNK: &str = "00000000000000000000.jsonl";

/// A directory for sessions that is removed at the end.
pub(crate) struct Place {
    above: TempDir,
}

impl Place {
    /// On a disk, where syncing is real.
    pub(crate) fn on_disk() -> Self {
        Self { above: tempfile::tempdir().unwrap() }
    }

    /// In memory where the system has such a place: for tests that open thousands of times.
    pub(crate) fn in_memory() -> Self {
        let in_memory = TempDir::new_in("/dev/shm").ok();
        Self { above: in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap()) }
    }

    /// The directory of all sessions.
    pub(crate) fn root(&self) -> PathBuf {
        self.above.path().join("sessions")
    }

    /// Something beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.above.path().join(name)
    }

    pub(crate) fn sessions(&self) -> Sessions {
        Sessions::in_dir(self.root())
    }

    pub(crate) fn dir(&self, id: SessionId) -> PathBuf {
        self.root().join(id.to_string())
    }

    pub(crate) async fn create(&self) -> ContextBundle {
        self.sessions().create(Meta::new("test")).await.unwrap()
    }

    /// A session of these notes that was closed.
    pub(crate) async fn closed(&self, notes: &[&str]) -> SessionId {
        let bundle = self.create().await;
        for text in notes {
            bundle.append(note(*text)).await.unwrap();
        }
        bundle.close().await.unwrap();
        bundle.id()
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

/// The files below a directory, by their paths in it.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(dir: &Path, name: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{name}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                walk(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, "", &mut found);
    found
}

/// The same without what says who writes, which every attempt to open a session changes.
pub(crate) fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(dir);
    found.retain(|name, _| !name.ends_with("lock") && !name.ends_with("epoch"));
    found
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (name, bytes) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The files of a session's log, in their order.
pub(crate) fn chunks(dir: &Path) -> Vec<PathBuf> {
    let names = files(dir).into_keys().filter(|name| has_ending(name, "jsonl"));
    names.map(|name| dir.join(name)).collect()
}

/// Whether a file's name ends like this, behind a dot.
pub(crate) fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == ending)
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

/// Numbers that look random, and are the same every time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
