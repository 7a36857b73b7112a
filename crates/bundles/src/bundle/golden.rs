//! The golden files of schema 1: what this version writes, byte for byte, at fixed times and under
//! fixed ids. `tests/it/golden.rs` reads them.
//!
//! They are written anew, when the format changes before it is promised to anyone, by
//! `cargo test -p maniple-bundles --lib write_the_golden_files -- --ignored`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::channel::oneshot;
use futures::executor::block_on;

use super::{ContextBundle, History, encode};
use crate::action::Action;
use crate::disk::{Access, Disk, OsDisk, Reader, write_all_at};
use crate::format::write_document;
use crate::session::{Fork, Header, Meta, Point, SessionId};
use crate::sessions::{Settings, Tombstone};
use crate::state::RunChange;
use crate::store::{BundleStore, Document, FileStore};
use crate::writer::{Append, Change, Command, Opening};

const CREATED_MS: u64 = 1_755_000_000_000;

/// A line for each kind of action, and for each kind of record of a run.
const ACTIONS: &str = include_str!("../../tests/golden/v1/actions.jsonl");

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn id(last: char) -> SessionId {
    format!("0198a6c0-5a00-7abc-8def-00000000000{last}").parse().unwrap()
}

struct Writer {
    store: Arc<FileStore>,
    now_ms: u64,
}

impl Writer {
    async fn open(&self, opening: Opening) -> ContextBundle {
        let store: Arc<dyn BundleStore> = self.store.clone();
        ContextBundle::open(store, opening, Settings::default()).await.unwrap()
    }

    async fn create(&self, last: char, name: &str) -> ContextBundle {
        let meta =
            Meta::new(name).with_label("question", "does it open?").with_label("a", "\u{fc}");
        self.open(Opening::Create(Header::new(id(last), CREATED_MS, meta))).await
    }

    async fn append(&mut self, bundle: &ContextBundle, action: Action) {
        let (action, encoded) = encode(&bundle.settings.redactor, action).unwrap();
        let change = match action {
            Action::Journal(record) => Change::Record(RunChange::from(&record)),
            action => Change::Action(action),
        };
        self.now_ms += 1;
        let (done, answer) = oneshot::channel();
        let append = Append { time_ms: self.now_ms, action: encoded, change, done };
        bundle.commands.send(Command::Append(Box::new(append))).unwrap();
        answer.await.unwrap().unwrap();
    }

    async fn note(&mut self, bundle: &ContextBundle, text: &str) {
        self.append(bundle, Action::Note { text: text.into() }).await;
    }
}

/// Writes everything below `dir`.
async fn write(dir: &Path) {
    let store = Arc::new(FileStore::new(dir.join("sessions")));
    let mut writer = Writer { store: Arc::clone(&store), now_ms: CREATED_MS };

    // A closed session with every kind of action, a blob, a snapshot and a card.
    let parent = writer.create('a', "golden").await;
    for line in ACTIONS.lines() {
        writer.append(&parent, serde_json::from_str(line).unwrap()).await;
    }
    parent.snapshot().await.unwrap();
    writer.note(&parent, &"a long text, ".repeat(400)).await;
    parent.close().await.unwrap();

    // Its fork, and the fork as a text.
    let parent = writer.open(Opening::Remount(id('a'))).await;
    let shared = parent.view().folded(&Point::Behind(5)).unwrap();
    let at = Fork { at: shared.tip.actions, head: shared.tip.head };
    let header = parent.header.fork(&at, id('b'), CREATED_MS + 500, Meta::new("golden fork"));
    let fork = writer.open(Opening::Fork(header, Box::new(shared.state))).await;
    writer.note(&fork, "of the fork").await;
    writer.note(&fork, &"a long text of its own, ".repeat(400)).await;
    fork.close().await.unwrap();
    let export = Text::default();
    fork.view().export(export.clone()).await.unwrap();
    put(&dir.join("export.jsonl"), &export.0.lock().unwrap());
    drop(parent);

    // One whose history was dropped, but for a record of a run.
    let compacted = writer.create('c', "golden gap").await;
    for line in ACTIONS.lines().take(3).chain(ACTIONS.lines().skip(12)) {
        writer.append(&compacted, serde_json::from_str(line).unwrap()).await;
    }
    compacted.compact(History::Drop).await.unwrap();
    writer.note(&compacted, "behind the gap").await;
    compacted.close().await.unwrap();

    // One that was not closed, with a write that was torn.
    let torn = writer.create('d', "golden torn").await;
    for text in ["one", "two", "torn"] {
        writer.note(&torn, text).await;
    }
    drop(torn);
    let chunk = store.root().join(id('d').to_string()).join("00000000000000000000.jsonl");
    let mut bytes = read(&chunk);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end - 20..end].fill(0);
    put(&chunk, &bytes);

    // One that was deleted.
    let deleted = writer.create('e', "golden deleted").await;
    deleted.close().await.unwrap();
    let tombstone = format!(
        r#"{{"schema":1,"id":"{}","deleted_ms":{},"reason":"it was golden"}}"#,
        id('e'),
        CREATED_MS + 900
    );
    let tombstone: Tombstone = serde_json::from_str(&tombstone).unwrap();
    let tombstone = write_document(Document::Tombstone, &tombstone).unwrap();
    store.delete(id('e'), &tombstone).unwrap();
}

/// A text in memory.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    Reader::new(OsDisk.open(path, Access::Read).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Puts a file in place of the one that is there, if there is one.
fn put(path: &Path, bytes: &[u8]) {
    if OsDisk.is_file(path).is_ok() {
        OsDisk.remove(path).unwrap();
    }
    write_all_at(&mut *OsDisk.open(path, Access::CreateNew).unwrap(), 0, bytes).unwrap();
}

/// The files below a directory by their paths in it, but for those that are locked.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in OsDisk.list(dir).unwrap() {
        let path = dir.join(&name);
        if OsDisk.is_dir(&path) {
            let below = files(&path).into_iter();
            found.extend(below.map(|(below, bytes)| (Path::new(&name).join(below), bytes)));
        } else if name != "lock" && name != "actions.jsonl" {
            found.insert(name.into(), read(&path));
        }
    }
    found
}

/// Makes a directory, and those above it.
fn make_dir(dir: &Path) {
    if !OsDisk.is_dir(dir) {
        make_dir(dir.parent().unwrap());
        OsDisk.make_dir(dir).unwrap();
    }
}

#[test]
fn the_writer_writes_the_golden_files() {
    let dir = tempfile::tempdir().unwrap();
    block_on(write(dir.path()));
    let (written, golden) = (files(dir.path()), files(&golden_dir()));
    assert!(written.keys().eq(golden.keys()), "{:?} and {:?}", written.keys(), golden.keys());
    for (path, bytes) in &written {
        let golden = String::from_utf8_lossy(&golden[path]);
        assert_eq!(String::from_utf8_lossy(bytes), golden, "{}", path.display());
    }
}

#[test]
#[ignore = "it writes the files that the others compare with"]
fn write_the_golden_files() {
    let dir = tempfile::tempdir().unwrap();
    block_on(write(dir.path()));
    for path in files(&golden_dir()).into_keys() {
        OsDisk.remove(&golden_dir().join(path)).unwrap();
    }
    for (path, bytes) in files(dir.path()) {
        let path = golden_dir().join(path);
        make_dir(path.parent().unwrap());
        put(&path, &bytes);
    }
}
