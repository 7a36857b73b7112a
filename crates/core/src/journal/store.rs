use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Fact, Journal, Record};
use crate::error::{Class, Classify, Source};
use crate::identity::RunId;

/// The journals of many runs, by name: what a process asks when it starts, to go on with what earlier
/// ones have left.
///
/// Any text of up to 1024 bytes is a name, and each is a run of its own. The name is the store's, and
/// what a host finds its run and the run's input by; that of a [`Run`](crate::Run) is for people.
///
/// One at a time holds the journal of a run, over all processes: two that work on one run would have
/// its effects twice. It is held until every clone of what [`open`](Self::open) gave is gone. That is
/// so when the run has been dropped after a [`quiesce`](crate::Run::quiesce), and no context of it is
/// kept; and when the process has ended, however it did.
///
/// Every implementation passes `maniple_core::testkit::check_run_store` (feature `testkit`).
///
/// ```
/// use maniple_core::{
///     AgentError, AgentExt, BoxAgent, Key, MemoryRunStore, Run, RunStore, agent_fn,
/// };
///
/// fn order() -> BoxAgent<String, String> {
///     agent_fn("order", |item: String, cx| async move {
///         let approved: bool = cx.signal("approval").await?;
///         Ok(format!("{item}, {}", if approved { "ordered" } else { "refused" }))
///     })
///     .boxed()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let store = MemoryRunStore::new();
/// for item in ["lamp", "desk"] {
///     let run = Run::builder("order").with_journal(store.open(item).await?).open().await?;
///     run.execute(order(), item.into()).await.expect_err("it waits for its approval");
/// }
///
/// // As the next process does.
/// for unfinished in store.list_unfinished().await? {
///     let item = unfinished.name;
///     let run = Run::builder("order").with_journal(store.open(&item).await?).open().await?;
///     run.deliver(&Key::new("/order!approval"), &true).await?;
///     assert_eq!(run.execute(order(), item.to_string()).await?, format!("{item}, ordered"));
/// }
/// assert!(store.list_unfinished().await?.is_empty());
/// # Ok(())
/// # }
/// ```
pub trait RunStore: Debug + Send + Sync + 'static {
    /// The journal of the run of this name, which is made, and empty, where there is none.
    ///
    /// Whoever has let go of a journal can open it again at once: a store waits for what it has still
    /// to close itself.
    ///
    /// # Errors
    /// [`InUse`](RunStoreError::InUse) where somebody holds it, [`Unopened`](RunStoreError::Unopened)
    /// where it can be neither opened nor made.
    ///
    /// # Cancel safety
    /// Dropped, an empty journal may have been made; nobody holds it.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<dyn Journal>, RunStoreError>>;

    /// The runs that have begun and have not finished, in the order of their names: [`UnfinishedRun::of`]
    /// says which those are.
    ///
    /// A run that somebody holds may be among them or not. One of which the journal cannot be read is:
    /// it does not hide the others, and who opens it is told why.
    ///
    /// # Errors
    /// [`Unlisted`](RunStoreError::Unlisted) where the store itself cannot be read.
    ///
    /// # Cancel safety
    /// Cancel safe.
    fn list_unfinished(&self) -> BoxFuture<'_, Result<Vec<UnfinishedRun>, RunStoreError>>;
}

const _: Option<&dyn RunStore> = None;

impl<S: RunStore + ?Sized> RunStore for Arc<S> {
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<dyn Journal>, RunStoreError>> {
        (**self).open(name)
    }

    fn list_unfinished(&self) -> BoxFuture<'_, Result<Vec<UnfinishedRun>, RunStoreError>> {
        (**self).list_unfinished()
    }
}

/// A run that a process can go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// Its name in the store.
    pub name: Arc<str>,
    /// Its identity; `None` where its journal cannot be read.
    pub run: Option<RunId>,
}

impl UnfinishedRun {
    /// The run of these records, if it has begun and has not finished.
    ///
    /// It has begun with its first record, [`Fact::Started`]. It has finished with the first
    /// [`Fact::Finished`], whatever follows: an agent that it executed has returned, or has failed for
    /// good. A run that is suspended, parked or cancelled, whose time or budget is used up, that has
    /// panicked or failed for now has no such record, and goes on when it is opened again; nor has
    /// one of which the host drives the agents itself, without
    /// [`execute`](crate::Run::execute). Who executes several agents one after the other gives each a
    /// run of its own, since the first one finishes theirs.
    pub fn of<'a>(name: &str, records: impl IntoIterator<Item = &'a Record>) -> Option<Self> {
        let mut records = records.into_iter();
        let Fact::Started { run, .. } = &records.next()?.fact else {
            return Some(Self { name: name.into(), run: None });
        };
        let has_finished = records.any(|record| matches!(record.fact, Fact::Finished { .. }));
        (!has_finished).then(|| Self { name: name.into(), run: Some(run.clone()) })
    }
}

/// Why a store could not open or list runs.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RunStoreError {
    /// Somebody holds the journal, in this process or another.
    #[error("run {name:?} is in use: wait until whoever works on it has ended")]
    InUse {
        /// The run's name in the store.
        name: Arc<str>,
    },
    /// The journal can be neither opened nor made.
    #[error("cannot open the journal of run {name:?}: {source}")]
    Unopened {
        /// The run's name in the store.
        name: Arc<str>,
        /// The store's own error.
        source: Source,
    },
    /// The store cannot be read.
    #[error("cannot list the unfinished runs: {source}")]
    Unlisted {
        /// The store's own error.
        source: Source,
    },
}

/// A run in use may be tried again; what else there is wants an operator, as a journal that has stopped
/// does.
impl Classify for RunStoreError {
    fn class(&self) -> Class {
        match self {
            Self::InUse { .. } => Class::Transient,
            Self::Unopened { .. } | Self::Unlisted { .. } => Class::Parked,
        }
    }
}
