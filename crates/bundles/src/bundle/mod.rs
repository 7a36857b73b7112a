//! An open session.

mod append;
mod compact;
mod encode;
mod fork;
#[cfg(test)]
mod golden;
mod journal;

use std::fmt;
use std::ops::{ControlFlow, Deref};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::channel::oneshot;
use maniple_core::{Payload, Source};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use append::Append;
pub use compact::{Compacted, History};
pub use fork::{Conflict, Decide, Merge, MergePolicy};

pub(crate) use self::encode::encode;

use crate::action::{Action, Entry};
use crate::error::BundleError;
use crate::format::Encoded;
use crate::log::{Tip, Verified, missing};
use crate::session::{Forked, Header, Meta, SessionId};
use crate::sessions::Settings;
use crate::state::State;
use crate::store::{BundleStore, Recovery};
use crate::writer::{self, Change, Command, Ending, Opening, Remounted, Worker, Writer};

/// One session, open for writing.
///
/// It can be shared between tasks and threads behind an [`Arc`]; every method takes `&self`.
///
/// Dropping it without [`close`](Self::close) waits until everything accepted is written, and
/// synced but for [`Durability::Buffered`](crate::Durability::Buffered), then gives the session free. That blocks the thread for
/// about as long as one append; `close` does not, and it reports what went wrong.
pub struct ContextBundle {
    store: Arc<dyn BundleStore>,
    pub(crate) settings: Settings,
    header: Header,
    state: Arc<RwLock<State>>,
    remounted: Remounted,
    commands: Sender<Command>,
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ContextBundle {
    pub(crate) async fn open(
        store: Arc<dyn BundleStore>,
        opening: Opening,
        settings: Settings,
    ) -> Result<Self, BundleError> {
        let Writer { commands, ending, thread, header, state, remounted } =
            Writer::start(Arc::clone(&store), opening, settings.durability).await?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { store, settings, header, state, remounted, commands, ending, thread })
    }

    /// Takes an action. It is *accepted*, behind all that were accepted before it, when this call
    /// returns; the future waits until it is durable, and gives its number. The call does not
    /// block: actions wait in memory until they are written.
    ///
    /// # Errors
    /// The action is not in the log, and others may follow: [`TooLong`](BundleError::TooLong) and
    /// [`Encode`](BundleError::Encode) concern this action alone, and so does
    /// [`Secret`](BundleError::Secret); where the system refused, the next
    /// one may be taken when the cause is gone. But after a sync that failed
    /// ([`Stopped`](BundleError::Stopped) from then on) it may have become durable, and nothing is
    /// taken any more: what the system then shows need not be what it wrote, so
    /// [remount](crate::Sessions::remount), which writes again what is in doubt.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the knowledge of when the action became durable.
    pub fn append(&self, action: impl Into<Action>) -> Append {
        match encode(&self.settings.redactor, action.into()) {
            Ok((action, encoded)) => self.send(encoded, Change::Action(action)),
            Err(error) => Append::refused(error),
        }
    }

    /// Sets a value of the host's. The last one counts; the earlier ones stay in the log, where
    /// [`history`](Self::history) finds them.
    ///
    /// ```
    /// # use maniple_bundles::{BundleError, MemoryStore, Meta, Sessions};
    /// # futures::executor::block_on(async {
    /// let sessions = Sessions::new(MemoryStore::new());
    /// let bundle = sessions.create(Meta::new("triage")).await?;
    /// bundle.set("suspects", &["net", "disk"]).await?;
    /// bundle.set("suspects", &["disk"]).await?;
    /// assert_eq!(bundle.get("suspects").unwrap(), Some(vec!["disk".to_owned()]));
    /// assert_eq!(bundle.history("suspects").await?.len(), 2);
    /// # Ok::<(), BundleError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Encode`](BundleError::Encode) if the value has no form in JSON, and those of
    /// [`append`](Self::append).
    ///
    /// # Cancel safety
    /// As for [`append`](Self::append).
    pub fn set<T: Serialize + ?Sized>(&self, key: impl Into<String>, value: &T) -> Append {
        match Payload::encode(value) {
            Ok(value) => self.append(Action::Set { key: key.into(), value }),
            Err(source) => Append::refused(BundleError::NoForm { source }),
        }
    }

    /// The host's value of that key as a `T`, as of the last action that was acknowledged; `None` if
    /// it was not set, or removed.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Source> {
        self.state().get(key)
    }

    /// Everything that the key was set to, by itself or by a merge, the oldest first; `None` where it was
    /// removed.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn history(&self, key: &str) -> Result<Vec<(u64, Option<Payload>)>, BundleError> {
        let key = key.to_owned();
        self.with(move |worker| {
            let mut history = Vec::new();
            read(worker, &mut |entry| match entry.action {
                Action::Set { key: set, value } if set == key => {
                    history.push((entry.seq, Some(value)));
                }
                Action::Unset { key: unset } if unset == key => history.push((entry.seq, None)),
                Action::Merged { values, .. } => {
                    let merged = values.into_iter().filter(|merged| merged.key == key);
                    history.extend(merged.map(|merged| (entry.seq, merged.value)));
                }
                _ => {}
            })?;
            Ok(history)
        })
        .await
    }

    /// Gives the place behind everything accepted so far a name, to go back to.
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    ///
    /// # Cancel safety
    /// As for [`append`](Self::append).
    pub fn checkpoint(&self, name: impl Into<String>) -> Append {
        self.append(Action::Checkpoint { name: name.into() })
    }

    /// What all actions that were acknowledged have come to.
    ///
    /// While the answer is held no append is acknowledged, so it is not to be held for long.
    pub fn state(&self) -> impl Deref<Target = State> + '_ {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All actions accepted so far that are not dropped, in order, read anew and checked. Appends
    /// that are made meanwhile wait.
    ///
    /// # Errors
    /// An error that names the line that is damaged, what the system refused, or
    /// [`Closed`](BundleError::Closed).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn actions(&self) -> Result<Vec<Entry>, BundleError> {
        self.with(|worker| {
            let mut entries = Vec::new();
            read(worker, &mut |entry| entries.push(entry))?;
            Ok(entries)
        })
        .await
    }

    /// Reads the log and its blobs anew and compares them, byte for byte by their hashes, with what
    /// this bundle found and wrote. Appends that are made meanwhile wait.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn verify(&self) -> Result<Verified, BundleError> {
        self.with(|worker| read(worker, &mut drop)).await
    }

    /// Makes everything accepted so far durable, whatever the
    /// [`Durability`](crate::Durability).
    ///
    /// # Errors
    /// What the system refused; after it nothing is taken any more.
    ///
    /// # Cancel safety
    /// If the future is dropped, it is done all the same.
    pub async fn sync(&self) -> Result<(), BundleError> {
        self.with(Worker::sync).await
    }

    /// Writes down what the log has come to, so that remounting need not read what is before. It is
    /// worth doing now and then in a long session.
    ///
    /// # Errors
    /// What the system refused. The session goes on, with the snapshot that it had.
    ///
    /// # Cancel safety
    /// If the future is dropped, it is done all the same.
    pub async fn snapshot(&self) -> Result<(), BundleError> {
        self.with(Worker::snapshot).await
    }

    /// The session's identity.
    pub fn id(&self) -> SessionId {
        self.header.id
    }

    /// What the host said about the session when it created it.
    pub fn meta(&self) -> &Meta {
        &self.header.meta
    }

    /// When the session was created: milliseconds since the Unix epoch.
    pub fn created_ms(&self) -> u64 {
        self.header.created_ms
    }

    /// The session that it was forked from, if it was.
    pub fn parent(&self) -> Option<&Forked> {
        self.header.parent()
    }

    /// What opening it erased; `None` if the log was whole.
    pub fn recovered(&self) -> Option<Recovery> {
        self.remounted.recovery
    }

    /// Why the snapshot could not be used, if so. It says nothing that the log does not, so the
    /// state was folded from the beginning; the next [`snapshot`](Self::snapshot) replaces it.
    pub fn bad_snapshot(&self) -> Option<&BundleError> {
        self.remounted.bad_snapshot.as_ref()
    }

    /// Writes everything accepted, syncs, marks the log as complete, ends the thread and gives the
    /// session free. Closing a closed bundle does nothing.
    ///
    /// From then on damage to any action can be told from a torn write, which it cannot at the end
    /// of a log that was only dropped.
    ///
    /// # Errors
    /// [`Stopped`](BundleError::Stopped) if a sync failed before, or what the system refuses now.
    /// The session is free all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, the bundle closes all the same.
    pub async fn close(&self) -> Result<(), BundleError> {
        let (done, answer) = oneshot::channel();
        let closed = match self.commands.send(Command::Close { done }) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.ending.error())),
            Err(_) => Err(self.ending.error()),
        };
        self.join();
        match closed {
            Err(BundleError::Closed { .. }) => Ok(()),
            closed => closed,
        }
    }

    fn send(&self, action: Encoded, change: Change) -> Append {
        let (done, answer) = oneshot::channel();
        let append = writer::Append { time_ms: now_ms(), action, change, done };
        match self.commands.send(Command::Append(Box::new(append))) {
            Ok(()) => Append::accepted(answer, Arc::clone(&self.ending)),
            Err(_) => Append::refused(self.ending.error()),
        }
    }

    /// Does a job on the thread, behind everything accepted so far.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> Result<T, BundleError> + Send + 'static,
    ) -> Result<T, BundleError> {
        let (done, answer) = oneshot::channel();
        let job = Box::new(move |worker: &mut Worker| {
            // Whoever dropped the future does not need the answer.
            let _ = done.send(job(worker));
        });
        match self.commands.send(Command::Do(job)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.ending.error())),
            Err(_) => Err(self.ending.error()),
        }
    }

    /// Waits for the thread, which has nothing left to do.
    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A waker may drop the bundle on the very thread that woke it, which cannot wait for itself.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // If it panicked, its commands were answered with that already.
            let _ = thread.join();
        }
    }
}

/// Shows all actions, and compares what was read with what was written.
fn read(worker: &mut Worker, visit: &mut dyn FnMut(Entry)) -> Result<Verified, BundleError> {
    let read = worker.log()?.entries(0, &mut |entry| {
        visit(entry);
        Ok(ControlFlow::Continue(()))
    })?;
    let written = worker.tip();
    if (Tip { actions: read.actions, head: read.head }) == written {
        Ok(read)
    } else {
        // Every line that was read is valid, so the log was cut, or something else added to it.
        Err(missing(worker.writer().location(), read.actions.min(written.actions)))
    }
}

impl Drop for ContextBundle {
    fn drop(&mut self) {
        // If it was closed before, nobody is there to be told.
        let _ = self.commands.send(Command::Finish);
        self.join();
    }
}

impl fmt::Debug for ContextBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBundle")
            .field("id", &self.header.id)
            .field("meta", &self.header.meta)
            .finish_non_exhaustive()
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
