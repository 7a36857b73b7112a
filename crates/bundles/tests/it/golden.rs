//! Files of every schema that was ever written: they open forever, and what is newer is refused by
//! name. `src/bundle/golden.rs` writes those of the schema that is written now.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use maniple_bundles::{
    Action, BundleError, ContextBundle, Filter, History, Meta, Point, SCHEMA, SessionId,
};
use maniple_core::{Budget, Digest, Effect, Fact, Key, Outcome, Payload, Record, RunId};

use crate::place::{Place, content, copy, note, texts};

const CREATED_MS: u64 = 1_755_000_000_000;

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn id_0() -> SessionId {
    "0198a6c0-5a00-7abc-8def-0123456789ab".parse().unwrap()
}

pub(crate) fn id_1(last: char) -> SessionId {
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
