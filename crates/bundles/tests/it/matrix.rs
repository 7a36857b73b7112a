//! Who reads what: sessions written by other versions, each with one part that this one does not know.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use maniple_bundles::{BundleError, Filter, SCHEMA, Sessions};

use crate::golden::id_0;
use crate::place::{CHUNK, Place, content, files, frame, note, origin, texts};

/// A session written by another version: with a schema for each of its parts, and an action.
#[derive(Debug, Clone, Copy)]
struct Written {
    header: u32,
    begin: u32,
    line: u32,
    snapshot: Option<u32>,
    export: u32,
    action: &'static str,
    is_closed: bool,
}

const NOTE: &str = r#"{"note":{"text":"hi"}}"#;
const PLAIN: Written = Written {
    header: 1,
    begin: 1,
    line: 1,
    snapshot: None,
    export: 1,
    action: NOTE,
    is_closed: false,
};

impl Written {
    fn header(self) -> String {
        let Self { header: schema, .. } = self;
        let more = unheard_of(schema);
        let id = id_0();
        format!(
            r#"{{"schema":{schema},"id":"{id}","created":5,"meta":{{"name":"m","labels":{{}}}}{more}}}"#
        )
    }

    fn root(self) -> [u8; 32] {
        origin(&format!("maniple bundle log, schema {}, session {}", self.header, id_0()))
    }

    /// A note, and the action in question behind it.
    fn lines(self) -> (String, [u8; 32]) {
        let Self { line: schema, action, .. } = self;
        let first = format!(r#"{{"seq":0,"time":6,"schema":1,"synced":0,"action":{NOTE}}}"#);
        let more = unheard_of(schema);
        let second =
            format!(r#"{{"seq":1,"time":7,"schema":{schema},"synced":1,"action":{action}{more}}}"#);
        let (first, head) = frame(self.root(), &first);
        let (second, head) = frame(head, &second);
        (first + &second, head)
    }

    /// Writes the session where this version looks for it.
    fn write(self, place: &Place) {
        let dir = place.dir(id_0());
        std::fs::create_dir_all(&dir).unwrap();
        let header = frame(origin("maniple bundle"), &self.header()).0;
        std::fs::write(dir.join("bundle.json"), header).unwrap();
        let Self { begin: schema, .. } = self;
        let after = blake3::Hash::from_bytes(self.root()).to_hex();
        let id = id_0();
        let more = unheard_of(schema);
        let begin = format!(
            r#"{{"begin":{{"schema":{schema},"session":"{id}","seq":0,"after":"{after}","preallocated":false{more}}}}}"#
        );
        let (lines, head) = self.lines();
        let mut chunk = frame(origin("maniple bundle chunk"), &begin).0 + &lines;
        if self.is_closed {
            chunk += &frame(head, &format!(r#"{{"seal":{{"schema":{schema},"seq":2}}}}"#)).0;
        } else {
            chunk += "{\"h\":\"a write that was torn";
        }
        std::fs::write(dir.join(CHUNK), chunk).unwrap();
        if let Some(schema) = self.snapshot {
            let more = unheard_of(schema);
            let snapshot = format!(r#"{{"schema":{schema},"actions":1,"head":"{after}"{more}}}"#);
            let snapshot = frame(origin("maniple bundle snapshot"), &snapshot).0;
            std::fs::write(dir.join("snapshot.json"), snapshot).unwrap();
        }
    }

    /// The session as an export.
    fn export(self) -> String {
        let Self { export: schema, .. } = self;
        let more = unheard_of(schema);
        let first =
            format!(r#"{{"session":{{"schema":{schema},"header":{}{more}}}}}"#, self.header());
        let (mut text, mut head) = frame(origin("maniple bundle export"), &first);
        let (lines, last) = self.lines();
        for line in lines.lines() {
            let (line, next) = frame(head, &format!(r#"{{"line":{{"line":{line}}}}}"#));
            text += &line;
            head = next;
        }
        let last = blake3::Hash::from_bytes(last).to_hex();
        text + &frame(head, &format!(r#"{{"end":{{"actions":2,"head":"{last}","blobs":0}}}}"#)).0
    }
}

/// What a later schema may have that this one does not.
fn unheard_of(schema: u32) -> &'static str {
    if schema > SCHEMA { r#","unheard":"of""# } else { "" }
}

/// What comes of something that another version wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// It opens, with both actions, and goes on.
    On,
    /// It is refused as newer, with the file and the line.
    Newer(&'static str, u64, u32),
    /// An action is refused by its name, with the file and the line.
    Unknown(&'static str, u64),
}

impl Comes {
    fn of<T>(result: Result<T, BundleError>) -> Self {
        let name = |path: &Path| {
            let known = ["bundle.json", CHUNK, "snapshot.json", "the export"];
            known.into_iter().find(|name| path.ends_with(name)).unwrap()
        };
        match result {
            Ok(_) => Self::On,
            Err(BundleError::NewerSchema { path, line, found, known: SCHEMA }) => {
                Self::Newer(name(&path), line, found)
            }
            Err(BundleError::UnknownAction { path, line, kind }) if kind == "unheard_of" => {
                Self::Unknown(name(&path), line)
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The reader/writer matrix, which ARCHITECTURE.md shows: what other versions write, and what comes
/// of it here when it is opened and when its export is imported.
fn matrix() -> [(Written, Comes, Comes); 8] {
    const UNHEARD_OF: &str = r#"{"unheard_of":{"text":"hi"}}"#;
    const EXPORT: &str = "the export";
    let newer = SCHEMA + 1;
    let at_2 = Comes::Newer(EXPORT, 3, newer);
    [
        (PLAIN, Comes::On, Comes::On),
        (
            Written { header: newer, begin: newer, line: newer, export: newer, ..PLAIN },
            Comes::Newer("bundle.json", 1, newer),
            Comes::Newer(EXPORT, 1, newer),
        ),
        (
            Written { header: newer, ..PLAIN },
            Comes::Newer("bundle.json", 1, newer),
            Comes::Newer(EXPORT, 1, newer),
        ),
        (Written { begin: newer, ..PLAIN }, Comes::Newer(CHUNK, 1, newer), Comes::On),
        (Written { line: newer, ..PLAIN }, Comes::Newer(CHUNK, 3, newer), at_2),
        (
            Written { line: u32::MAX, ..PLAIN },
            Comes::Newer(CHUNK, 3, u32::MAX),
            Comes::Newer(EXPORT, 3, u32::MAX),
        ),
        (
            Written { snapshot: Some(newer), ..PLAIN },
            Comes::Newer("snapshot.json", 1, newer),
            Comes::On,
        ),
        (
            Written { action: UNHEARD_OF, ..PLAIN },
            Comes::Unknown(CHUNK, 3),
            Comes::Unknown(EXPORT, 3),
        ),
    ]
}

async fn goes_on(sessions: &Sessions) {
    let bundle = sessions.remount(id_0()).await.unwrap();
    assert_eq!(bundle.append(note("and on")).await.unwrap(), 2);
    assert_eq!(texts(&bundle.actions().await.unwrap()), ["hi", "hi", "and on"]);
}

/// Everything here, but for the lock and the epoch of whoever tried.
fn all(place: &Place) -> BTreeMap<String, Vec<u8>> {
    if place.root().exists() { content(&place.root()) } else { BTreeMap::new() }
}

#[tokio::test]
async fn the_reader_writer_matrix() {
    for (written, opened, imported) in matrix() {
        for is_closed in [false, true] {
            let written = Written { is_closed, ..written };
            let place = Place::on_disk();
            written.write(&place);
            let before = all(&place);
            let remounted = place.sessions().remount(id_0()).await.map(drop);
            assert_eq!(Comes::of(remounted), opened, "{written:?}");
            if opened == Comes::On {
                goes_on(&place.sessions()).await;
            } else {
                assert_eq!(all(&place), before, "{written:?} was changed");
            }
        }
        let place = Place::on_disk();
        let text = Cursor::new(written.export().into_bytes());
        assert_eq!(Comes::of(place.sessions().import(text).await), imported, "{written:?}");
        if imported == Comes::On {
            goes_on(&place.sessions()).await;
        } else {
            assert_eq!(all(&place), BTreeMap::new(), "nothing of {written:?} is taken");
        }
    }
}

/// Whoever only reads refuses the same, but for the snapshot, without which a log can be read.
#[tokio::test]
async fn a_view_refuses_what_is_newer() {
    for (written, opened, _) in matrix() {
        if written.snapshot.is_some() {
            continue;
        }
        let place = Place::on_disk();
        written.write(&place);
        let before = files(&place.root());
        let viewed = match place.sessions().view(id_0()).await {
            Ok(view) => view.verify().await.map(drop),
            Err(error) => Err(error),
        };
        assert_eq!(Comes::of(viewed), opened, "{written:?}");
        assert_eq!(files(&place.root()), before, "{written:?} was changed");
    }
}

#[tokio::test]
async fn a_newer_card_is_not_shown_and_replaced() {
    let place = Place::on_disk();
    PLAIN.write(&place);
    let card = frame(origin("maniple bundle card"), r#"{"schema":2,"unheard":"of"}"#).0;
    std::fs::write(place.dir(id_0()).join("card.json"), card).unwrap();
    let listed = place.sessions().list(&Filter::all()).await.unwrap();
    assert_eq!((listed.len(), &listed[0].log), (1, &None));
    place.sessions().remount(id_0()).await.unwrap().close().await.unwrap();
    let listed = place.sessions().list(&Filter::all()).await.unwrap();
    assert_eq!(listed[0].log.as_ref().unwrap().actions, 2);
}

#[tokio::test]
async fn a_header_that_is_intact_but_odd_is_not_guessed() {
    for body in [
        r#"{"schema":1,"id":"not-an-id","created":5,"meta":{"name":"m","labels":{}}}"#,
        r#"{"schema":1,"created":5}"#,
        r#"{"schema":1,"id":"0198a6c0-5a00-7abc-8def-0123456789ab","created":5,"meta":{"name":"m","labels":{}},"more":1}"#,
    ] {
        let place = Place::on_disk();
        let id = place.closed(&["one"]).await;
        let header = frame(origin("maniple bundle"), body).0;
        std::fs::write(place.dir(id).join("bundle.json"), header).unwrap();
        let error = place.sessions().remount(id).await.unwrap_err();
        assert!(matches!(error, BundleError::Unintelligible { line: 1, .. }), "{error}");
    }
}
