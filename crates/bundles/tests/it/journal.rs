//! A bundle as the journal of a run.

use std::sync::Arc;
use std::time::Duration;

use maniple_bundles::ContextBundle;
use maniple_core::{Fact, Journal, JournalError, Key, Payload, Record};

use crate::support::{Place, note};

fn decided(name: &str, value: &str) -> Record {
    let value = Payload::encode(value).unwrap();
    Record { key: Key::new(name), worked: Duration::from_millis(3), fact: Fact::Decided { value } }
}

fn as_journal(bundle: &Arc<ContextBundle>) -> Arc<dyn Journal> {
    Arc::clone(bundle) as _
}

#[tokio::test]
async fn records_are_loaded_in_order_among_other_actions() {
    let place = Place::on_disk();
    let bundle = Arc::new(place.create().await);
    let journal = as_journal(&bundle);
    assert_eq!(journal.load().await.unwrap(), []);
    let records = [decided("/a:x", "1"), decided("/a:y", "\u{1F600}\n"), decided("/a:x", "3")];
    for record in &records {
        drop(journal.append(record.clone()));
        drop(ContextBundle::append(&bundle, note("between")));
    }
    assert_eq!(journal.load().await.unwrap(), records);
    drop((journal, bundle));

    let bundle = Arc::new(place.remount().await.unwrap());
    let journal = as_journal(&bundle);
    journal.append(decided("/b:z", "4")).await.unwrap();
    let found = journal.load().await.unwrap();
    assert_eq!(found[..3], records);
    assert_eq!(found[3], decided("/b:z", "4"));
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_the_journal() {
    let place = Place::on_disk();
    let bundle = Arc::new(place.create().await);
    let journal = as_journal(&bundle);
    let first = decided("/a:x", "1");
    drop(journal.append(first.clone()));
    let huge = "x".repeat(maniple_bundles::MAX_ACTION_BYTES);
    let refused = journal.append(decided("/a:y", &huge));
    let late = journal.append(decided("/a:z", "3"));
    for error in [refused.await.unwrap_err(), late.await.unwrap_err()] {
        assert!(matches!(error, JournalError::Stopped { .. }), "{error}");
        assert!(error.to_string().contains("keep the content elsewhere"), "{error}");
    }
    assert!(matches!(journal.load().await, Err(JournalError::Unreadable { .. })));

    let again = place.remount().await.unwrap();
    assert_eq!(again.load().await.unwrap(), [first]);
}

#[tokio::test]
async fn a_damaged_log_is_not_loaded() {
    let place = Place::on_disk();
    let bundle = Arc::new(place.create().await);
    let journal = as_journal(&bundle);
    journal.append(decided("/a:x", "1")).await.unwrap();
    let mut log = std::fs::read(place.log()).unwrap();
    log[120] ^= 1;
    std::fs::write(place.log(), log).unwrap();
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("line 1, byte 0"), "{error}");
}

#[tokio::test]
async fn a_closed_journal_takes_nothing() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    bundle.close().await.unwrap();
    let error = Journal::append(&bundle, decided("/a:x", "1")).await.unwrap_err();
    assert!(matches!(error, JournalError::Stopped { .. }), "{error}");
}
