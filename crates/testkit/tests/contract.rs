//! The contract suite of journals, as a host writes it into its tests.

use std::future::{Ready, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use maniple_core::{Journal, JournalError, MemoryJournal, Record};

fn in_memory() -> impl Fn() -> Ready<MemoryJournal> {
    let store = MemoryJournal::new();
    move || ready(store.clone())
}

maniple_testkit::journal_contract!(in_memory);

/// Has in it what nobody has written.
#[derive(Debug, Clone, Default)]
struct Haunted(MemoryJournal);

impl Journal for Haunted {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        self.0.append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        let ghost = r#"{"key":"/ghost","worked_ms":0,"fact":"abandoned"}"#;
        let mut records = self.0.records();
        records.push(serde_json::from_str(ghost).expect("it is a record"));
        ready(Ok(records)).boxed()
    }
}

fn haunted() -> impl Fn() -> Ready<Haunted> {
    let store = Haunted::default();
    move || ready(store.clone())
}

// Each of the tests fails for it, with a rule's name first.
maniple_testkit::journal_contract!(
    #[should_panic(expected = ": ")]
    haunted
);
