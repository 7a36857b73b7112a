//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use maniple_core::{Class, Journal, Run, RunBuilder};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tokio::runtime::{Builder, Runtime};

/// All of them.
pub(crate) const CLASSES: [Class; 10] = [
    Class::Transient,
    Class::Permanent,
    Class::Indeterminate,
    Class::Cancelled,
    Class::DeadlineExceeded,
    Class::BudgetExhausted,
    Class::Panicked,
    Class::Suspended,
    Class::Parked,
    Class::Diverged,
];

/// Counts what holds one of its guards: tasks, bodies, whatever must be gone at some point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn guard(&self) -> Guard {
        self.0.fetch_add(1, Ordering::SeqCst);
        Guard(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
pub(crate) struct Guard(Alive);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A future that panics at its `at`-th poll, counted from 1.
pub(crate) struct PanicAt<F> {
    inner: Pin<Box<F>>,
    at: usize,
}

impl<F> PanicAt<F> {
    pub(crate) fn new(at: usize, inner: F) -> Self {
        let inner = Box::pin(inner);
        Self { inner, at }
    }
}

impl<F: Future> Future for PanicAt<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.at = self.at.wrapping_sub(1);
        if self.at == 0 {
            // Unlike `panic!` it prints nothing: these panics are expected.
            std::panic::resume_unwind(Box::new("at this poll"));
        }
        self.inner.as_mut().poll(cx)
    }
}

/// A runtime of one thread whose time moves only when nothing else can.
pub(crate) fn paused() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing that could be missing")
}

/// A runtime of two threads, on real time.
pub(crate) fn parallel() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().expect("a runtime needs two threads")
}

/// The configuration of a property: how often it is tried, and where its regressions are kept.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Names that try to be taken for several names, or for another one.
pub(crate) fn hostile_name() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "/", "[", "]", "#", "!", "@", ":", "%", "%2F", "#2", "a", "b", "é", "名", "\u{7f}", "\n",
        "\u{85}", " ", "",
    ]);
    prop::collection::vec(parts, 0..4).prop_map(|parts| parts.concat())
}

pub(crate) async fn open(builder: RunBuilder) -> Run {
    builder.open().await.expect("the journal can be opened")
}

pub(crate) async fn reopen(journal: &(impl Journal + Clone)) -> Run {
    open(Run::builder("test").with_journal(journal.clone())).await
}

/// Lets every task that is ready run, many times over.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets tasks run until something is so; it fails where that never comes.
pub(crate) async fn until(mut reached: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if reached() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("what was waited for did not come");
}
