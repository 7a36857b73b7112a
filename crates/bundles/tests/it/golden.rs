//! Files of format version 0 that every later version must open, and the reader/writer matrix.

use std::path::Path;
use std::time::Duration;

use maniple_bundles::{Action, BundleError, SCHEMA};
use maniple_core::{Budget, Digest, Effect, Fact, Key, Outcome, Payload, Record, RunId};

use crate::support::{Place, frame, note, origin};

const ID: &str = "0198a6c0-5a00-7abc-8def-0123456789ab";

/// Copies a golden session to where it may be written.
fn golden(name: &str) -> Place {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let place = Place::on_disk();
    std::fs::create_dir(place.dir()).unwrap();
    for file in ["bundle.json", "log.jsonl"] {
        std::fs::copy(from.join(file), place.dir().join(file)).unwrap();
    }
    place
}

fn record(key: &str, worked_ms: u64, fact: Fact) -> Action {
    let worked = Duration::from_millis(worked_ms);
    Action::Journal(Record { key: Key::new(key), worked, fact })
}

fn expected() -> Vec<Action> {
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

#[tokio::test]
async fn version_0_opens() {
    let place = golden("v0/plain");
    let bundle = place.remount().await.unwrap();
    assert_eq!(bundle.id().to_string(), ID);
    assert_eq!(bundle.created_ms(), 1_755_000_000_000);
    assert_eq!(bundle.meta().name(), "golden");
    let labels: Vec<_> = bundle.meta().labels().collect();
    assert_eq!(labels, [("a", "\u{fc}"), ("question", "does it open?")]);
    assert_eq!(bundle.recovered(), None);
    let entries = bundle.actions().await.unwrap();
    let times: Vec<u64> = entries.iter().map(|entry| entry.time_ms).collect();
    assert_eq!(times, (1_755_000_000_123..).take(7).collect::<Vec<_>>());
    let actions: Vec<Action> = entries.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, expected());
    assert_eq!(
        bundle.verify().await.unwrap().head.to_string(),
        "a45bdca1e57013e1ced36123024a72462adc3e1521b3c64ddc6ff0fd4f695001"
    );
}

#[tokio::test]
async fn version_0_with_a_torn_tail_opens() {
    let place = golden("v0/torn");
    let bundle = place.remount().await.unwrap();
    let recovery = bundle.recovered().unwrap();
    assert_eq!((recovery.line, recovery.erased_bytes), (4, 101));
    let actions: Vec<Action> =
        bundle.actions().await.unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, expected()[..3]);
}

/// Who reads what: a row for each schema that a writer has used or may use.
#[tokio::test]
async fn the_reader_writer_matrix() {
    let head = origin("maniple bundle");
    let log_origin = origin(&format!("maniple bundle log, schema 0, session {ID}"));
    for (writer, reads) in [(0, true), (SCHEMA + 1, false), (u32::MAX, false)] {
        let later = if writer > SCHEMA { r#","unheard":"of""# } else { "" };
        let header = format!(
            r#"{{"schema":{writer},"id":"{ID}","created":5,"meta":{{"name":"m","labels":{{}}}}{later}}}"#
        );
        let line = format!(
            r#"{{"seq":0,"time":6,"schema":{writer},"action":{{"note":{{"text":"hi"}}}}{later}}}"#
        );
        let old_header = format!(
            r#"{{"schema":0,"id":"{ID}","created":5,"meta":{{"name":"m","labels":{{}}}}}}"#
        );
        // The whole session, and an old session to which the writer has appended.
        for header in [header, old_header] {
            let place = Place::on_disk();
            std::fs::create_dir(place.dir()).unwrap();
            std::fs::write(place.header(), frame(head, &header).0).unwrap();
            std::fs::write(place.log(), frame(log_origin, &line).0).unwrap();
            match place.remount().await {
                Ok(bundle) => {
                    assert!(reads, "schema {writer} was guessed");
                    assert_eq!(bundle.actions().await.unwrap()[0].action, note("hi"));
                }
                Err(BundleError::NewerSchema { found, known, .. }) => {
                    assert_eq!((found, known, reads), (writer, SCHEMA, false));
                }
                Err(error) => panic!("schema {writer}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_header_that_is_intact_but_odd_is_not_guessed() {
    for body in [
        r#"{"schema":0,"id":"not-an-id","created":5,"meta":{"name":"m","labels":{}}}"#,
        r#"{"schema":0,"created":5}"#,
        r#"{"schema":0,"id":"0198a6c0-5a00-7abc-8def-0123456789ab","created":5,"meta":{"name":"m","labels":{}},"more":1}"#,
    ] {
        let place = Place::on_disk().with_notes(&["one"]).await;
        std::fs::write(place.header(), frame(origin("maniple bundle"), body).0).unwrap();
        let error = place.remount().await.unwrap_err();
        assert!(matches!(error, BundleError::Unintelligible { line: 1, .. }), "{error}");
    }
}
