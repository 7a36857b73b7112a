//! An open session.

mod append;
mod journal;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::channel::oneshot;

pub use append::Append;

use crate::action::{Action, Entry};
use crate::disk::{Disk, OsDisk};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::encode_action;
use crate::log::{Recovery, Verified};
use crate::session::{Header, Meta, SessionId};
use crate::store::{Opening, Place};
use crate::writer::{Command, Ending, View, Writer};

/// One session, open for writing.
///
/// It can be shared between tasks and threads behind an [`Arc`]; every method takes `&self`.
///
/// Dropping it without [`close`](Self::close) waits until everything accepted is written, and
/// synced if it is [`Durability::Synced`], then gives the session free. That blocks the thread for
/// about as long as one append; `close` does not, and it reports what went wrong.
pub struct ContextBundle {
    dir: PathBuf,
    header: Header,
    recovery: Option<Recovery>,
    commands: Sender<Command>,
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ContextBundle {
    /// Creates a session in `dir` and opens it. Directories that do not exist are made.
    ///
    /// # Errors
    /// [`AlreadyExists`](BundleError::AlreadyExists), [`OpenElsewhere`](BundleError::OpenElsewhere),
    /// [`TooLong`](BundleError::TooLong) if `meta` has more than a megabyte, or what the system
    /// refused. A session that could not be created whole does not exist, and creating it may be
    /// tried again.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session may have been created; it is not open.
    pub async fn create(
        dir: impl Into<PathBuf>,
        meta: Meta,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        Self::open(os(), dir.into(), Opening::Create(header(meta)), durability).await
    }

    /// Opens the session in `dir` to continue it. The whole log is read and checked, and a torn
    /// tail is erased, before anything can be appended; see [`recovered`](Self::recovered).
    ///
    /// What it finds is durable when it returns, also where the process that wrote it was killed
    /// before it could sync. `durability` is that of the appends to come.
    ///
    /// # Errors
    /// [`NotFound`](BundleError::NotFound), [`OpenElsewhere`](BundleError::OpenElsewhere), an error
    /// that names the line that is damaged or not understood, or what the system refused. The
    /// session is then as it was.
    ///
    /// # Cancel safety
    /// If the future is dropped, a torn tail may have been erased, which is then not reported; the
    /// session is not open.
    pub async fn remount(
        dir: impl Into<PathBuf>,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        Self::open(os(), dir.into(), Opening::Remount, durability).await
    }

    /// Opens the session in `dir`, or creates it with `meta` if there is none. A session that
    /// exists keeps the meta that it has.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`remount`](Self::remount), but for the two that say
    /// that there is a session, or none.
    ///
    /// # Cancel safety
    /// As for those two.
    pub async fn open_or_create(
        dir: impl Into<PathBuf>,
        meta: Meta,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        Self::open(os(), dir.into(), Opening::RemountOrCreate(header(meta)), durability).await
    }

    /// Takes an action. It is *accepted*, behind all that were accepted before it, when this call
    /// returns; the future waits until it is durable, and gives its number. The call does not
    /// block: actions wait in memory until they are written.
    ///
    /// # Errors
    /// [`TooLong`](BundleError::TooLong) and [`Encode`](BundleError::Encode) concern this action
    /// alone: it was not accepted, and others may follow. With any other error it did not become
    /// durable, or may not have, and nothing is taken after it: [`remount`](Self::remount) when the
    /// cause is gone. Appends after that one answer [`Stopped`](BundleError::Stopped) or
    /// [`Closed`](BundleError::Closed).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the knowledge of when the action became durable.
    pub fn append(&self, action: impl Into<Action>) -> Append {
        match encode_action(&action.into()) {
            Ok(action) => self.send_append(action),
            Err(error) => Append::refused(error),
        }
    }

    /// All actions accepted so far, in order, read anew and checked. Appends that are made
    /// meanwhile wait.
    ///
    /// # Errors
    /// An error that names the line that is damaged, what the system refused, or
    /// [`Stopped`](BundleError::Stopped) and [`Closed`](BundleError::Closed).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn actions(&self) -> Result<Vec<Entry>, BundleError> {
        self.read(|view| {
            let mut entries = Vec::new();
            view.read(|entry| entries.push(entry))?;
            Ok(entries)
        })
        .await
    }

    /// Reads the files anew and compares them, byte for byte by their hashes, with what this bundle
    /// found and wrote. Appends that are made meanwhile wait.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn verify(&self) -> Result<Verified, BundleError> {
        self.read(|view| view.verify()).await
    }

    /// The session's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
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

    /// What opening it erased; `None` if the log was whole.
    pub fn recovered(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Writes everything accepted, marks the log as closed, syncs, ends the thread and gives the
    /// session free. Closing a closed bundle does nothing.
    ///
    /// From then on damage to any action can be told from a torn write, which it cannot at the end
    /// of a log that was only dropped.
    ///
    /// # Errors
    /// [`Stopped`](BundleError::Stopped) if an append failed before, or this fails now. The session
    /// is free all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, the bundle closes all the same.
    pub async fn close(&self) -> Result<(), BundleError> {
        let (done, answer) = oneshot::channel();
        let closed = match self.commands.send(Command::Close { time_ms: now_ms(), done }) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.ending.error())),
            Err(_) => Err(self.ending.error()),
        };
        self.join();
        match closed {
            Err(BundleError::Closed { .. }) => Ok(()),
            closed => closed,
        }
    }

    pub(crate) async fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        opening: Opening,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        let place = Place::new(disk, dir.clone());
        let Writer { commands, ending, thread, header, recovery } =
            Writer::start(place, opening, durability).await?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { dir, header, recovery, commands, ending, thread })
    }

    fn send_append(&self, action: Vec<u8>) -> Append {
        let (done, answer) = oneshot::channel();
        let command = Command::Append { time_ms: now_ms(), action, done };
        match self.commands.send(command) {
            Ok(()) => Append::accepted(answer, Arc::clone(&self.ending)),
            Err(_) => Append::refused(self.ending.error()),
        }
    }

    /// Does a job on the thread, behind everything accepted so far.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(View<'_>) -> Result<T, BundleError> + Send + 'static,
    ) -> Result<T, BundleError> {
        let (done, answer) = oneshot::channel();
        let job = Box::new(move |view: View<'_>| {
            // Whoever dropped the future does not need the answer.
            let _ = done.send(job(view));
        });
        match self.commands.send(Command::Read(job)) {
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
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// The disk of every session outside of tests.
fn os() -> Arc<dyn Disk> {
    Arc::new(OsDisk)
}

/// What is said of a session that is created now.
fn header(meta: Meta) -> Header {
    Header::new(SessionId::generate(), now_ms(), meta)
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
