//! The contract of `Journal`: the crate's own journal keeps it, and journals that do not are found
//! out.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use maniple_core::testkit::{
    check_dropped, check_empty, check_journal, check_open_ended, check_order, check_whole,
};
use maniple_core::{Fact, Journal, JournalError, MemoryJournal, Payload, Record};

#[tokio::test]
async fn the_memory_journal_keeps_the_contract() {
    let journal = MemoryJournal::new();
    check_journal(|| async { journal.clone() }).await;
    assert!(!journal.records().is_empty());
}

#[tokio::test]
async fn the_memory_journal_keeps_each_part_of_the_contract() {
    let open = || {
        let journal = MemoryJournal::new();
        move || ready(journal.clone())
    };
    check_empty(open()).await;
    check_whole(open()).await;
    check_order(open()).await;
    check_dropped(open()).await;
    check_open_ended(open()).await;
}

/// The message with which the check of a wrong journal ends.
async fn found_out<J: Journal>(open: impl Fn() -> J) -> String {
    let check = check_journal(|| async { open() });
    let panic = AssertUnwindSafe(check).catch_unwind().await.expect_err("the check passes");
    panic.downcast_ref::<String>().expect("the check says what is wrong").clone()
}

/// Keeps records in the order in which their futures were polled, where it can.
#[derive(Debug, Clone, Default)]
struct Polled(Arc<Mutex<(Vec<Record>, Vec<Record>)>>);

impl Polled {
    fn lists(&self) -> MutexGuard<'_, (Vec<Record>, Vec<Record>)> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

impl Journal for Polled {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        self.lists().1.push(record.clone());
        let journal = self.clone();
        async move {
            let mut lists = journal.lists();
            lists.1.retain(|pending| pending.key != record.key);
            lists.0.push(record);
            Ok(())
        }
        .boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        let lists = self.lists();
        ready(Ok([&lists.0[..], &lists.1].concat())).boxed()
    }
}

#[tokio::test]
async fn a_journal_that_reorders_is_found_out() {
    let journal = Polled::default();
    let message = found_out(|| journal.clone()).await;
    assert!(message.starts_with("order: after concurrent appends"), "{message}");
}

/// Takes a record back when its future is dropped before it has ended.
#[derive(Debug, Clone, Default)]
struct TakesBack(MemoryJournal, Arc<Mutex<Vec<Record>>>);

struct Append(TakesBack, Option<Record>);

impl TakesBack {
    fn taken_back(&self) -> MutexGuard<'_, Vec<Record>> {
        self.1.lock().expect("nothing panics while it is held")
    }
}

impl Future for Append {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.1 = None;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Append {
    fn drop(&mut self) {
        self.0.taken_back().extend(self.1.take());
    }
}

impl Journal for TakesBack {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        drop(self.0.append(record.clone()));
        Append(self.clone(), Some(record)).boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        let mut records = self.0.records();
        records.retain(|record| !self.taken_back().contains(record));
        ready(Ok(records)).boxed()
    }
}

#[tokio::test]
async fn a_journal_that_loses_a_record_whose_future_was_dropped_is_found_out() {
    let journal = TakesBack::default();
    let message = found_out(|| journal.clone()).await;
    assert!(message.starts_with("dropped: in the process that wrote them"), "{message}");
}

#[tokio::test]
async fn a_journal_that_forgets_is_found_out() {
    let message = found_out(MemoryJournal::new).await;
    assert!(message.starts_with("whole: after the journal was opened again, 0 rec"), "{message}");
}

/// Keeps the values of payloads, not their texts.
#[derive(Debug, Clone, Default)]
struct Respells(MemoryJournal);

impl Journal for Respells {
    fn append(&self, mut record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        if let Fact::Decided { value } | Fact::Delivered { value } = &mut record.fact {
            let spelled = value.as_str().replace('\u{2028}', "\\u2028");
            *value = serde_json::from_str::<Payload>(&spelled).expect("it is the same text");
        }
        self.0.append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}

#[tokio::test]
async fn a_journal_that_changes_the_text_of_a_payload_is_found_out() {
    let journal = Respells::default();
    let message = found_out(|| journal.clone()).await;
    assert!(message.ends_with("delivered is not as it was written"), "{message}");
}
