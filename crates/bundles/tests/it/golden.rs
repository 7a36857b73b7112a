//! Files of every schema that was ever written: they open forever, and what is newer is refused by
//! name. `src/bundle/golden.rs` writes those of the schema that is written now.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use maniple_bundles::{
    Action, BundleError, ContextBundle, Filter, History, Meta, Point, SCHEMA, SessionId, Sessions,
};
use maniple_core::{Budget, Digest, Effect, Fact, Key, Outcome, Payload, Record, RunId};

use crate::place::{Place, content, copy, files, frame, note, origin, texts};

const CREATED_MS: u64 = 1_755_000_000_000;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn id_0() -> SessionId {
    "0198a6c0-5a00-7abc-8def-0123456789ab".parse().unwrap()
}

fn id_1(last: char) -> SessionId {
    format!("0198a6c0-5a00-7abc-8def-00000000000{last}").parse().unwrap()
}

/// The golden session of schema 0, where it may be written.
fn schema_0(name: &str) -> Place {
    let place = Place::on_disk();
    copy(&golden("v0").join(name), &place.dir(id_0()));
    place
}

/// The golden sessions of schema 1, where they may be written.
fn schema_1() -> Place {
    let place = Place::on_disk();
    copy(&golden("v1/sessions"), &place.root());
    place
}

fn record(key: &str, worked_ms: u64, fact: Fact) -> Action {
    let worked = Duration::from_millis(worked_ms);
    Action::Journal(Record { key: Key::new(key), worked, fact })
}

fn expected_0() -> Vec<Action> {
    let digest = Digest::of(&1).unwrap();
    let reserved = Budget { tokens: 5, ..Budget::ZERO };
    let spent = Budget { tokens: 3, cost_micros: 4, calls: 1 };
    let outcome = Outcome::Ok(Payload::encode(&[1, 2]).unwrap());
    let started = Fact::Started { run: RunId::new("golden-run"), name: "brief".into() };
    vec![
        record("/", 0, started),
        note("a \"quote\", a line end\n and \u{1F600}"),
        record("/charge", 5, Fact::Intent { effect: Effect::Reversible, digest, reserved }),
        record("/charge", 9, Fact::Receipt { digest, outcome, spent }),
        Action::Closed,
        record("/", 11, Fact::Finished { error: None }),
        Action::Closed,
    ]
}

async fn actions(bundle: &ContextBundle) -> Vec<Action> {
    bundle.actions().await.unwrap().into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn schema_0_opens() {
    let place = schema_0("plain");
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    assert_eq!(bundle.id(), id_0());
    assert_eq!(bundle.created_ms(), CREATED_MS);
    assert_eq!(bundle.meta().name(), "golden");
    let labels: Vec<_> = bundle.meta().labels().collect();
    assert_eq!(labels, [("a", "\u{fc}"), ("question", "does it open?")]);
    assert_eq!(bundle.recovered(), None);
    let entries = bundle.actions().await.unwrap();
    let times: Vec<u64> = entries.iter().map(|entry| entry.time_ms).collect();
    assert_eq!(times, (CREATED_MS + 123..).take(7).collect::<Vec<_>>());
    assert_eq!(actions(&bundle).await, expected_0());
    assert_eq!(bundle.state().journal_records(), 4);
    assert_eq!(
        bundle.verify().await.unwrap().head.to_string(),
        "a45bdca1e57013e1ced36123024a72462adc3e1521b3c64ddc6ff0fd4f695001"
    );
    let viewed = place.sessions().view(id_0()).await.unwrap().actions(0).await.unwrap();
    assert_eq!(viewed, entries);
    let listed = place.sessions().list(&Filter::all().named("golden")).await.unwrap();
    assert_eq!((listed.len(), listed[0].id), (1, id_0()));
}

#[tokio::test]
async fn schema_0_with_a_torn_tail_opens() {
    let place = schema_0("torn");
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    let recovery = bundle.recovered().unwrap();
    assert_eq!((recovery.seq, recovery.erased_bytes), (3, 101));
    assert_eq!(actions(&bundle).await, expected_0()[..3]);
    drop(bundle);
    let again = place.sessions().remount(id_0()).await.unwrap();
    assert_eq!(again.recovered(), None);
    assert_eq!(again.append(note("over it")).await.unwrap(), 3);
}

#[tokio::test]
async fn schema_0_goes_on_as_schema_1() {
    let place = schema_0("plain");
    let old = content(&place.dir(id_0()));
    let mut expected = expected_0();
    for text in ["new".to_owned(), "long ".repeat(1000)] {
        let bundle = place.sessions().remount(id_0()).await.unwrap();
        bundle.append(note(&text)).await.unwrap();
        bundle.close().await.unwrap();
        expected.push(note(text));
    }
    let now = content(&place.dir(id_0()));
    assert!(old.iter().all(|(name, bytes)| now[name] == *bytes), "what was there is as it was");
    for name in ["00000000000000000007.jsonl", "00000000000000000008.jsonl"] {
        let begin = format!(r#""b":{{"begin":{{"schema":{SCHEMA},"session":"{}""#, id_0());
        assert!(String::from_utf8_lossy(&now[name]).contains(&begin), "{name}");
    }
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    assert_eq!(actions(&bundle).await, expected);
    assert_eq!(bundle.verify().await.unwrap().blobs, 1);
}

#[tokio::test]
async fn schema_0_is_forked() {
    let place = schema_0("plain");
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    for (at, length) in [(Point::Behind(2), 2), (Point::End, 7), (Point::Behind(0), 0)] {
        let fork = bundle.fork(at, Meta::new("fork")).await.unwrap();
        fork.append(note("of the fork")).await.unwrap();
        fork.close().await.unwrap();
        let fork = place.sessions().remount(fork.id()).await.unwrap();
        let mut expected = expected_0()[..length].to_vec();
        expected.push(note("of the fork"));
        assert_eq!(actions(&fork).await, expected);
    }
    assert_eq!(actions(&bundle).await, expected_0());
}

/// A file in memory that can be written on a thread and read afterwards.
#[derive(Clone, Default)]
struct Text(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn export(bundle: &ContextBundle) -> Vec<u8> {
    let out = Text::default();
    bundle.view().export(out.clone()).await.unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

#[tokio::test]
async fn schema_0_is_exported_imported_and_compacted() {
    let place = schema_0("plain");
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    bundle.append(note("new")).await.unwrap();
    let mut expected = expected_0();
    expected.push(note("new"));
    let head = bundle.verify().await.unwrap().head;

    let into = Place::on_disk();
    let imported = into.sessions().import(Cursor::new(export(&bundle).await)).await.unwrap();
    let copy = into.sessions().remount(imported).await.unwrap();
    assert_eq!(actions(&copy).await, expected);
    assert_eq!(copy.verify().await.unwrap().head, head, "the chain is the same");
    assert!(!into.dir(imported).join("log.jsonl").exists());
    copy.append(note("there")).await.unwrap();

    bundle.compact(History::Keep).await.unwrap();
    assert_eq!(actions(&bundle).await, expected);
    bundle.compact(History::Drop).await.unwrap();
    assert_eq!(bundle.verify().await.unwrap().head, head);
    bundle.close().await.unwrap();
    let bundle = place.sessions().remount(id_0()).await.unwrap();
    expected.retain(|action| matches!(action, Action::Journal(_)));
    assert_eq!(actions(&bundle).await, expected);
    assert_eq!(bundle.append(note("newer")).await.unwrap(), 8);
}

/// The actions of the golden session, as JSON has them.
fn expected_1() -> Vec<Action> {
    let lines = std::fs::read_to_string(golden("v1/actions.jsonl")).unwrap();
    let mut actions: Vec<Action> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    actions.push(note("a long text, ".repeat(400)));
    actions
}

#[tokio::test]
async fn schema_1_opens() {
    let place = schema_1();
    let before = content(&place.root());
    let bundle = place.sessions().remount(id_1('a')).await.unwrap();
    assert_eq!((bundle.meta().name(), bundle.created_ms()), ("golden", CREATED_MS));
    assert_eq!(bundle.meta().label("a"), Some("\u{fc}"));
    assert_eq!((bundle.recovered(), bundle.bad_snapshot().is_none()), (None, true));
    assert_eq!(actions(&bundle).await, expected_1());
    let times = bundle.actions().await.unwrap().into_iter().map(|entry| entry.time_ms);
    assert!(times.eq((CREATED_MS + 1..).take(expected_1().len())));
    assert_eq!(bundle.verify().await.unwrap().blobs, 1);
    {
        let state = bundle.state();
        assert_eq!(state.get::<u8>("merged").unwrap(), Some(7));
        assert!(state.values().len() == 1 && state.tasks().len() == 2);
        assert_eq!(state.open_tasks().map(|(name, _)| name).collect::<Vec<_>>(), ["fix"]);
        assert_eq!(state.checkpoints()["before-deploy"], 8);
        assert_eq!(state.tags().iter().collect::<Vec<_>>(), ["slow"]);
        assert_eq!(state.expires_ms(), Some(4_000_000_000_000));
        assert!(state.result().is_some());
        assert_eq!(state.journal_records(), 13);
    }
    drop(bundle);
    assert_eq!(content(&place.root()), before, "reading changes nothing");
}

#[tokio::test]
async fn every_kind_of_action_is_in_the_golden_session() {
    let kinds: BTreeSet<String> = expected_1()
        .iter()
        .map(|action| match serde_json::to_value(action).unwrap() {
            serde_json::Value::String(kind) => kind,
            action => action.as_object().unwrap().keys().next().unwrap().clone(),
        })
        .collect();
    // The text of the error for one that is unknown names those that are known.
    let known = serde_json::from_str::<Action>(r#"{"":0}"#).unwrap_err().to_string();
    let known = known.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2);
    assert!(kinds.iter().map(String::as_str).eq(known.collect::<BTreeSet<_>>()));
}

#[tokio::test]
async fn forks_gaps_torn_tails_and_tombstones_of_schema_1_open() {
    let place = schema_1();
    let sessions = place.sessions();
    let fork = sessions.remount(id_1('b')).await.unwrap();
    assert_eq!(fork.parent().map(|parent| (parent.from, parent.at)), Some((id_1('a'), 5)));
    let mut expected = expected_1()[..5].to_vec();
    expected.extend([note("of the fork"), note("a long text of its own, ".repeat(400))]);
    assert_eq!(actions(&fork).await, expected);

    let gap = sessions.remount(id_1('c')).await.unwrap();
    let kept = gap.actions().await.unwrap();
    assert_eq!(texts(&kept), ["behind the gap"]);
    assert_eq!(kept.last().unwrap().seq, gap.verify().await.unwrap().actions - 1);
    assert_eq!(gap.state().result(), Some(&Payload::encode("done").unwrap()));
    let dropped = gap.view().state(2).await.unwrap_err();
    assert!(matches!(dropped, BundleError::Dropped { asked: 2, .. }), "{dropped}");

    let torn = sessions.remount(id_1('d')).await.unwrap();
    assert_eq!(texts(&torn.actions().await.unwrap()), ["one", "two"]);
    let recovery = torn.recovered().unwrap();
    assert_eq!(recovery.seq, 2);
    assert!(recovery.erased_bytes > 100, "{recovery:?}");

    let deleted = sessions.deleted().await.unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!((deleted[0].id, deleted[0].deleted_ms), (id_1('e'), CREATED_MS + 900));
    assert_eq!(deleted[0].reason, "it was golden");
    let ids: Vec<_> =
        sessions.list(&Filter::all()).await.unwrap().into_iter().map(|listed| listed.id).collect();
    assert_eq!(ids, ['a', 'b', 'c', 'd'].map(id_1));

    for bundle in [fork, gap, torn] {
        let seq = bundle.append(note("it goes on")).await.unwrap();
        bundle.close().await.unwrap();
        let bundle = sessions.remount(bundle.id()).await.unwrap();
        assert_eq!(bundle.verify().await.unwrap().actions, seq + 1);
    }
}

#[tokio::test]
async fn an_export_of_schema_1_is_imported() {
    let place = Place::on_disk();
    let text = std::fs::File::open(golden("v1/export.jsonl")).unwrap();
    assert_eq!(place.sessions().import(text).await.unwrap(), id_1('b'));
    let copy = place.sessions().remount(id_1('b')).await.unwrap();
    let whole = schema_1();
    let original = whole.sessions().remount(id_1('b')).await.unwrap();
    assert_eq!(copy.actions().await.unwrap(), original.actions().await.unwrap());
    assert_eq!(copy.verify().await.unwrap(), original.verify().await.unwrap());
    assert_eq!(copy.parent(), original.parent());
    assert_eq!(export(&copy).await, std::fs::read(golden("v1/export.jsonl")).unwrap());
}

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
const CHUNK: &str = "00000000000000000000.jsonl";

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
