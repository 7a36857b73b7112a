//! What is done with bytes that nobody of us has written.
//!
//! The fuzz targets in `fuzz/` call these functions too, so nothing here may need the other tests.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use futures::executor::block_on;
use maniple_bundles::{Action, ContextBundle, MemoryStore, Meta, Point, SessionId, Sessions};
use tempfile::TempDir;

/// Opens a session whose log has this chunk, and says whether it could be. If not, it was refused
/// with an error: nothing panics or hangs. What is opened can be read, verified and gone on with.
pub(crate) fn open_chunk(chunk: &[u8]) -> bool {
    let original = original();
    let root = temporary_dir();
    let dir = root.path().join(original.id.to_string());
    std::fs::create_dir_all(dir.join("blobs")).unwrap();
    std::fs::write(dir.join("bundle.json"), &original.header).unwrap();
    std::fs::write(dir.join(CHUNK), chunk).unwrap();
    for (name, content) in &original.blobs {
        std::fs::write(dir.join("blobs").join(name), content).unwrap();
    }
    block_on(async {
        let sessions = Sessions::in_dir(root.path());
        let view = sessions.view(original.id).await.unwrap();
        let seen = view.actions(0).await;
        let state = view.state(Point::End).await;
        let Ok(bundle) = sessions.remount(original.id).await else { return false };
        let actions = bundle.actions().await;
        // Records of runs are only read when somebody asks for them.
        assert_eq!(bundle.verify().await.is_ok(), actions.is_ok());
        let Ok(actions) = actions else { return true };
        assert!(actions.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        let verified = bundle.verify().await.unwrap();
        assert!(actions.last().is_none_or(|last| last.seq < verified.actions));
        if bundle.recovered().is_none() {
            assert_eq!(seen.unwrap(), actions);
            assert_eq!(state.unwrap(), *bundle.state());
        }
        go_on(&sessions, bundle, verified.actions).await;
        true
    })
}

/// What was opened once is opened again as it was left.
async fn go_on(sessions: &Sessions, bundle: ContextBundle, next: u64) {
    let id = bundle.id();
    assert_eq!(bundle.append(Action::Note { text: "on".into() }).await.unwrap(), next);
    let actions = bundle.actions().await.unwrap();
    drop(bundle);
    let bundle = sessions.remount(id).await.unwrap();
    assert_eq!(bundle.recovered(), None);
    assert_eq!(bundle.actions().await.unwrap(), actions);
}

/// Imports this text, and says whether it could be. If not, it was refused with an error.
pub(crate) fn import(text: &[u8]) -> bool {
    block_on(async {
        let sessions = Sessions::new(MemoryStore::new());
        let Ok(id) = sessions.import(Cursor::new(text.to_vec())).await else { return false };
        let bundle = sessions.remount(id).await.unwrap();
        assert_eq!(bundle.verify().await.is_ok(), bundle.actions().await.is_ok());
        drop(bundle);
        sessions.import(Cursor::new(text.to_vec())).await.unwrap_err();
        true
    })
}

/// Bytes that are nearly a chunk.
///
/// The first byte of the script says whether what it changes is chained again, so that it is intact
/// and only says something else; the others say what is changed.
pub(crate) fn nearly_a_chunk(script: &[u8]) -> Vec<u8> {
    let original = original();
    let Some((how, script)) = script.split_first() else { return original.chunk.clone() };
    let begin = original.chunk.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (begin, lines) = original.chunk.split_at(begin);
    let lines = match how % 3 {
        0 => return edited(&original.chunk, script),
        1 => chained(&original.root, &edited(lines, script)),
        _ => chained(&original.root, script),
    };
    // A chunk that was not sealed ends in zeros.
    [begin, &lines, &[0; 16]].concat()
}

/// Bytes that are nearly an export.
pub(crate) fn nearly_an_export(script: &[u8]) -> Vec<u8> {
    let original = original();
    let Some((how, script)) = script.split_first() else { return original.export.clone() };
    let edited = edited(&original.export, script);
    let before = *blake3::hash(b"maniple bundle export").as_bytes();
    if how % 2 == 0 { edited } else { chained(&before, &edited) }
}

/// How long a frame is before its content.
const FRAME: usize = r#"{"h":"","b":"#.len() + 64;

const CHUNK: &str = "00000000000000000000.jsonl";

/// A session as it was written.
struct Original {
    id: SessionId,
    header: Vec<u8>,
    chunk: Vec<u8>,
    blobs: Vec<(String, Vec<u8>)>,
    export: Vec<u8>,
    /// What stands before its first line.
    root: [u8; 32],
}

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| block_on(write_original()))
}

async fn write_original() -> Original {
    let root = temporary_dir();
    let sessions = Sessions::in_dir(root.path());
    let bundle = sessions.create(Meta::new("fuzz").with_label("k", "v")).await.unwrap();
    bundle.append(Action::Note { text: "a".into() }).await.unwrap();
    bundle.set("k", "a\"b").await.unwrap();
    bundle.append(Action::Note { text: "b".repeat(5000) }).await.unwrap();
    bundle.checkpoint("here").await.unwrap();
    bundle.append(Action::Unset { key: "k".into() }).await.unwrap();
    let export = Text::default();
    bundle.view().export(export.clone()).await.unwrap();
    let export = std::mem::take(&mut *export.0.lock().unwrap());
    bundle.close().await.unwrap();
    let id = bundle.id();
    let dir = root.path().join(id.to_string());
    let read = |path: &Path| std::fs::read(path).unwrap();
    let blobs = std::fs::read_dir(dir.join("blobs")).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), read(&entry.path()))
    });
    let root = format!("maniple bundle log, schema {}, session {id}", maniple_bundles::SCHEMA);
    Original {
        id,
        header: read(&dir.join("bundle.json")),
        chunk: read(&dir.join(CHUNK)),
        blobs: blobs.collect(),
        export,
        root: *blake3::hash(root.as_bytes()).as_bytes(),
    }
}

/// In memory, where the system has such a place.
fn temporary_dir() -> TempDir {
    let in_memory = TempDir::new_in("/dev/shm").ok();
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// The bytes with the changes that the script says, four bytes for each.
fn edited(bytes: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in script.chunks_exact(4) {
        let [what, high, low, value] = *change else { continue };
        let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
        let end = (at + usize::from(value)).min(bytes.len());
        match what % 7 {
            0 | 1 if at < bytes.len() => bytes[at] ^= value,
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.insert(at, value),
            4 => drop(bytes.drain(at..end)),
            5 => bytes.extend_from_within(at..end),
            // The last bytes are what crashes take.
            6 => bytes.truncate(bytes.len() - usize::from(value).min(bytes.len())),
            _ => {}
        }
    }
    bytes
}

/// A frame for each line: around what is in the frame that it has, or around all of it.
fn chained(before: &[u8; 32], lines: &[u8]) -> Vec<u8> {
    let mut head = *before;
    let mut chained = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let framed = line.get(FRAME..).and_then(|body| body.strip_suffix(b"}"));
        let body = framed.filter(|_| line.starts_with(br#"{"h":""#)).unwrap_or(line);
        head = *blake3::hash(&[&head[..], body].concat()).as_bytes();
        let digits = blake3::Hash::from(head).to_hex();
        chained.extend_from_slice(format!(r#"{{"h":"{digits}","b":"#).as_bytes());
        chained.extend_from_slice(body);
        chained.extend_from_slice(b"}\n");
    }
    chained
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
