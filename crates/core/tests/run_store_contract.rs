//! The contract of `RunStore`: the crate's own store keeps it, and stores that do not are found out.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use maniple_core::testkit::check_run_store;
use maniple_core::{
    Fact, Journal, JournalError, MemoryJournal, MemoryRunStore, Record, RunStore, RunStoreError,
    UnfinishedRun,
};

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    let store = MemoryRunStore::new();
    check_run_store(|| async { store.clone() }).await;
    assert!(!store.records("waits").is_empty());
    assert!(store.records("nobody").is_empty());
}

#[tokio::test]
async fn a_shared_store_keeps_the_contract() {
    let store: Arc<dyn RunStore> = Arc::new(MemoryRunStore::new());
    check_run_store(|| async { store.clone() }).await;
}

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    FoldsCase,
    CutsNames,
    LetsTwoIn,
    NeverLetsGo,
    ListsWhatHasNotBegun,
    ListsWhatHasFinished,
    ForgetsWhatFailsForNow,
    LastRecordDecides,
    ListsAsTheyCame,
    LosesRecords,
}

/// A name, and the journal of it that such a store keeps itself.
type Opened = (String, Arc<dyn Journal>);

#[derive(Debug, Clone)]
struct Faulty {
    fault: Fault,
    inner: MemoryRunStore,
    opened: Arc<Mutex<Vec<Opened>>>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { fault, inner: MemoryRunStore::new(), opened: Arc::default() }
    }

    fn name(&self, name: &str) -> String {
        match self.fault {
            Fault::FoldsCase => name.to_lowercase(),
            Fault::CutsNames => name.chars().take(200).collect(),
            _ => name.to_owned(),
        }
    }

    /// The names of all journals that were ever opened.
    fn known(&self) -> Vec<String> {
        let opened = self.opened.lock().expect("nothing panics while it is held");
        opened.iter().map(|(name, _)| name.clone()).collect()
    }

    fn is_listed(&self, records: &[Record]) -> bool {
        let is = |which: fn(&Fact) -> bool| records.iter().any(|record| which(&record.fact));
        let has_finished = is(|fact| matches!(fact, Fact::Finished { .. }));
        match self.fault {
            Fault::ListsWhatHasNotBegun => !has_finished,
            Fault::ListsWhatHasFinished => !records.is_empty(),
            Fault::ForgetsWhatFailsForNow => {
                !records.is_empty() && !has_finished && !is(|f| matches!(f, Fact::Failed { .. }))
            }
            Fault::LastRecordDecides => {
                let last = records.last().map(|record| &record.fact);
                last.is_some_and(|fact| !matches!(fact, Fact::Finished { .. }))
            }
            _ => !records.is_empty() && !has_finished,
        }
    }
}

impl RunStore for Faulty {
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<dyn Journal>, RunStoreError>> {
        async move {
            let name = self.name(name);
            let mut journal = match self.fault {
                Fault::LetsTwoIn => {
                    let known = self.opened.lock().expect("nothing panics while it is held");
                    let known = known.iter().find(|(known, _)| *known == name);
                    known.map_or_else(|| Arc::new(MemoryJournal::new()) as _, |(_, j)| j.clone())
                }
                _ => self.inner.open(&name).await?,
            };
            if self.fault == Fault::LosesRecords {
                journal = Arc::new(Lossy(journal));
            }
            let mut opened = self.opened.lock().expect("nothing panics while it is held");
            if !opened.iter().any(|(known, _)| *known == name) {
                let kept = match self.fault {
                    Fault::LetsTwoIn | Fault::NeverLetsGo => journal.clone(),
                    _ => Arc::new(MemoryJournal::new()),
                };
                opened.push((name, kept));
            }
            Ok(journal)
        }
        .boxed()
    }

    fn list_unfinished(&self) -> BoxFuture<'_, Result<Vec<UnfinishedRun>, RunStoreError>> {
        let mut names = self.known();
        if self.fault != Fault::ListsAsTheyCame {
            names.sort();
        }
        let listed = names.iter().filter_map(|name| {
            let records = match self.fault {
                Fault::LetsTwoIn => {
                    let opened = self.opened.lock().expect("nothing panics while it is held");
                    let (_, journal) = opened.iter().find(|(known, _)| known == name)?;
                    journal.load().now_or_never()?.ok()?
                }
                _ => self.inner.records(name),
            };
            let run = match &records.first().map(|record| &record.fact) {
                Some(Fact::Started { run, .. }) => Some(run.clone()),
                _ => None,
            };
            let run = UnfinishedRun { name: name.as_str().into(), run };
            self.is_listed(&records).then_some(run)
        });
        ready(Ok(listed.collect())).boxed()
    }
}

/// Takes what is withdrawn for nothing.
#[derive(Debug)]
struct Lossy(Arc<dyn Journal>);

impl Journal for Lossy {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        match record.fact {
            Fact::Withdrawn => ready(Ok(())).boxed(),
            _ => self.0.append(record),
        }
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}

/// The message with which the check of a wrong store ends.
async fn found_out<S: RunStore>(open: impl Fn() -> S) -> String {
    let check = check_run_store(|| async { open() });
    let panic = AssertUnwindSafe(check).catch_unwind().await.expect_err("the check passes");
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.expect("the check says what is wrong").to_owned()
}

#[tokio::test]
async fn a_store_that_breaks_a_rule_is_found_out() {
    let cases = [
        (Fault::FoldsCase, "apart: "),
        (Fault::CutsNames, "apart: "),
        (Fault::LetsTwoIn, "held: a run that somebody holds is opened"),
        (Fault::NeverLetsGo, "the journal of \"new\" cannot be opened"),
        (Fault::ListsWhatHasNotBegun, "new: a run that has not begun is listed"),
        (Fault::ListsWhatHasFinished, "assertion `left == right` failed: unfinished: "),
        (Fault::ForgetsWhatFailsForNow, "assertion `left == right` failed: unfinished: "),
        (Fault::LastRecordDecides, "assertion `left == right` failed: unfinished: "),
        (Fault::ListsAsTheyCame, "apart: the names are listed in another order"),
        (Fault::LosesRecords, "whole: "),
    ];
    for (fault, rule) in cases {
        let store = Faulty::new(fault);
        let message = found_out(|| store.clone()).await;
        assert!(message.starts_with(rule), "{fault:?}: {message}");
    }
}

#[tokio::test]
async fn a_store_that_forgets_is_found_out() {
    let message = found_out(MemoryRunStore::new).await;
    assert!(message.starts_with("apart: \"\" has 0 records"), "{message}");
}
