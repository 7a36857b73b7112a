use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::journal::check_journal;
use crate::budget::Budget;
use crate::error::{Class, RecordedError};
use crate::identity::{Digest, Key, RunId};
use crate::journal::{Fact, Journal, Payload, Record, RunStore, RunStoreError, UnfinishedRun};
use crate::step::Effect;

/// Checks that a store keeps the contract of [`RunStore`].
///
/// `open` opens the *same* store each time that it is called, as the next process would; what it
/// returned before, and the journals that came of it, have been dropped by then. The store is empty at
/// first, and nobody else uses it meanwhile. The rules:
///
/// - **new**: a new store lists nothing, a name that it does not know is opened as an empty journal, and
///   a journal without a record is that of no run that has begun.
/// - **journal**: what it opens keeps the contract of [`Journal`], as [`check_journal`] says.
/// - **apart**: each name is a run of its own, and what was written under one is there when that is
///   opened again, and nowhere else: names that differ in case, in space or in form alone, names that
///   look like paths, the empty name, and names of 1024 bytes.
/// - **unfinished**: the runs that have begun and have not finished are listed, each once, in the order
///   of their names, by this process and the next: those that wait and those that have failed for now,
///   but not those that have returned or failed for good, though something be written behind that.
/// - **held**: a name of which somebody holds the journal is [`InUse`](RunStoreError::InUse), and the
///   others are not; it can be opened as soon as all clones are gone.
///
/// # Panics
/// Where a rule is broken, naming it; and where the store or a journal answers with an error.
///
/// # Cancel safety
/// Dropped, the store holds some of the runs.
///
/// ```
/// use maniple_core::{MemoryRunStore, testkit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = MemoryRunStore::new();
/// testkit::check_run_store(|| async { store.clone() }).await;
/// # }
/// ```
pub async fn check_run_store<S, F, Fut>(open: F)
where
    S: RunStore,
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
{
    a_new_store_has_nothing(&open().await).await;
    runs_are_apart(&open).await;
    unfinished_runs_are_listed(&open).await;
    one_at_a_time_holds_a_journal(&open().await).await;
    // Last, since it leaves records that are those of no run.
    check_journal(|| async { journal(&open().await, "journal").await }).await;
}

async fn a_new_store_has_nothing(store: &impl RunStore) {
    let found = unfinished(store).await;
    assert!(found.is_empty(), "new: a new store lists {found:?}");
    for opened in ["first", "second"] {
        let records = load(&journal(store, "new").await).await.len();
        assert_eq!(records, 0, "new: a journal that is opened for the {opened} time has records");
    }
    let found = unfinished(store).await;
    assert!(found.is_empty(), "new: a run that has not begun is listed: {found:?}");
}

/// Names that a store may take for one another, or for something else.
fn names() -> BTreeSet<String> {
    let awkward = [
        "",
        " ",
        "  ",
        ".",
        "..",
        "/",
        "//",
        "../a",
        "a",
        "A",
        "a ",
        " a",
        "a/",
        "/a",
        "a/b",
        "a\\b",
        "a%2Fb",
        "a%2fb",
        "a:b",
        "a*",
        "con",
        "nul",
        "-",
        "a\nb",
        "a\r\nb",
        "a\0b",
        "\"",
        "é",
        "e\u{301}",
        "名",
        "\u{1F600}",
        "%",
        "_",
        "NEW",
        "new\u{feff}",
    ];
    let long = ["a", "é", "\u{1F600}"].map(|unit| unit.repeat(1024 / unit.len()));
    let almost = "a".repeat(1023) + "b";
    awkward.map(str::to_owned).into_iter().chain(long).chain([almost]).collect()
}

async fn runs_are_apart<S, F, Fut>(open: &F)
where
    S: RunStore,
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
{
    let (names, store) = (names(), open().await);
    // Against their order, so that one that lists them as they came is found out.
    for name in names.iter().rev() {
        append(&journal(&store, name).await, started(name)).await;
    }
    each_has_its_own(&names, &store).await;
    drop(store);
    let store = open().await;
    each_has_its_own(&names, &store).await;
    // Finished, they are in nobody's way.
    for name in &names {
        append(&journal(&store, name).await, finished(None)).await;
    }
}

async fn each_has_its_own(names: &BTreeSet<String>, store: &impl RunStore) {
    for name in names {
        let records = load(&journal(store, name).await).await;
        assert!(
            records == [started(name)],
            "apart: {name:?} has {} records, and not the one that was written under it",
            records.len()
        );
    }
    let listed: Vec<Arc<str>> = unfinished(store).await.into_iter().map(|run| run.name).collect();
    let is_listed = |name: &str| listed.iter().any(|listed| **listed == *name);
    let missing: Vec<&String> = names.iter().filter(|name| !is_listed(name)).collect();
    assert!(missing.is_empty(), "apart: nothing is listed of {missing:?}");
    assert_eq!(listed.len(), names.len(), "apart: something is listed that nobody has begun");
    assert!(listed.is_sorted(), "apart: the names are listed in another order than their own");
}

async fn unfinished_runs_are_listed<S, F, Fut>(open: &F)
where
    S: RunStore,
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
{
    let error = |class| RecordedError { class, text: "failed".into() };
    let failed = |class| Fact::Failed { error: error(class), spent: Budget::ZERO };
    let step = || {
        let digest = Digest::of_bytes(b"input");
        record("/a/s", Fact::Intent { effect: Effect::Pure, digest, reserved: Budget::ZERO })
    };
    let value = Payload::encode("yes").expect("a text has a form in JSON");
    let delivered = record("/a!late", Fact::Delivered { value });
    let runs: [(&str, Vec<Record>, bool); 6] = [
        ("begun", vec![], true),
        ("failed-for-good", vec![finished(Some(error(Class::Permanent)))], false),
        ("failed-for-now", vec![step(), record("/a/s", failed(Class::Transient))], true),
        ("returned", vec![step(), finished(None)], false),
        ("returned-before", vec![finished(None), delivered], false),
        ("waits", vec![record("/a!approval", Fact::Awaited)], true),
    ];
    let store = open().await;
    for (name, records, _) in &runs {
        let journal = journal(&store, name).await;
        append(&journal, started(name)).await;
        for record in records {
            append(&journal, record.clone()).await;
        }
    }
    let run = |name: &str| UnfinishedRun { name: name.into(), run: Some(RunId::new(name)) };
    let listed = runs.iter().filter(|(_, _, listed)| *listed);
    let mut expected: Vec<UnfinishedRun> = listed.map(|(name, ..)| run(name)).collect();
    let found = unfinished(&store).await;
    assert_eq!(found, expected, "unfinished: in the process that wrote them");
    drop(store);

    let store = open().await;
    let found = unfinished(&store).await;
    assert_eq!(found, expected, "unfinished: after the store was opened again");
    // The next process goes on with one, which finishes.
    append(&journal(&store, "waits").await, finished(None)).await;
    expected.pop();
    let found = unfinished(&store).await;
    assert_eq!(found, expected, "unfinished: after another process has finished one");
    drop(store);
    let found = unfinished(&open().await).await;
    assert_eq!(found, expected, "unfinished: after the store was opened once more");
}

async fn one_at_a_time_holds_a_journal(store: &impl RunStore) {
    let held = journal(store, "held").await;
    let also = held.clone();
    let other = journal(store, "held-too").await;
    for rest in [held, also] {
        match store.open("held").await {
            Err(RunStoreError::InUse { name }) => {
                assert_eq!(&*name, "held", "held: the error names another run");
            }
            Err(error) => panic!("held: a run that somebody holds is no `InUse`, but: {error}"),
            Ok(_) => panic!("held: a run that somebody holds is opened"),
        }
        drop(rest);
    }
    drop(journal(store, "held").await);
    drop(other);
}

async fn journal(store: &impl RunStore, name: &str) -> Arc<dyn Journal> {
    let opened = store.open(name).await;
    opened.unwrap_or_else(|error| panic!("the journal of {name:?} cannot be opened: {error}"))
}

async fn unfinished(store: &impl RunStore) -> Vec<UnfinishedRun> {
    let listed = store.list_unfinished().await;
    listed.unwrap_or_else(|error| panic!("the runs cannot be listed: {error}"))
}

async fn append(journal: &impl Journal, record: Record) {
    let key = record.key.clone();
    let written = journal.append(record).await;
    written.unwrap_or_else(|error| panic!("the append of {key} failed: {error}"));
}

async fn load(journal: &impl Journal) -> Vec<Record> {
    journal.load().await.unwrap_or_else(|error| panic!("a journal cannot be loaded: {error}"))
}

fn record(key: &str, fact: Fact) -> Record {
    Record { key: Key::new(key), worked: Duration::ZERO, fact }
}

fn started(name: &str) -> Record {
    record("", Fact::Started { run: RunId::new(name), name: name.into() })
}

fn finished(error: Option<RecordedError>) -> Record {
    record("", Fact::Finished { error })
}
