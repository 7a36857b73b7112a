//! Sessions in a database: one file for all of them.

mod database;
mod failure;
mod reader;
mod schema;
mod shelf;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::schema::UnfitDatabase;

use self::database::{Database, connect};
use self::failure::Failure;
use self::reader::SqliteReader;
use self::shelf::Shelf;
use self::writer::SqliteWriter;
use super::file::lock::{Held, try_hold};
use super::{BundleStore, Commit, Listed, NewSession, SessionReader, SessionWriter};
use crate::disk::{Disk, OsDisk};
use crate::error::BundleError;
use crate::session::SessionId;

/// Sessions in an SQLite database, which several processes on one machine can use at once.
///
/// ```
/// use maniple_bundles::{Action, BundleError, Meta, Sessions, SqliteStore};
///
/// # async fn example(dir: &std::path::Path) -> Result<(), BundleError> {
/// let sessions = Sessions::new(SqliteStore::open(dir.join("agents.db"))?);
/// let bundle = sessions.create(Meta::new("triage")).await?;
/// bundle.append(Action::Note { text: "the flaky test is in net::retry".into() }).await?;
/// bundle.close().await
/// # }
/// # let dir = tempfile::tempdir().unwrap();
/// # futures::executor::block_on(example(dir.path())).unwrap();
/// ```
///
/// # What it promises
/// - *All or nothing*: every call that writes is one transaction.
/// - *Durability*: [`Commit::Synced`] is `synchronous=FULL`: the write-ahead log is synced by each
///   commit. [`Commit::Buffered`] is `synchronous=NORMAL`: a commit survives the death of the
///   process; the loss of power may take the last ones, and leaves the database whole.
///   [`sync`](SessionWriter::sync) commits a counter with `FULL`. That syncs the write-ahead log, and so
///   everything committed before; what is not in it any more was synced when it was moved into the
///   database.
/// - *One writer*: while a session is open, its file in the directory `<database>-locks` is locked; the
///   system takes the lock back when a process dies, which a row in the database would outlive. Each
///   opening also counts up an epoch in the session's row, and every transaction of a writer looks at
///   it: where a lock does not hold, the earlier writer is [fenced](BundleError::Fenced) before it
///   writes anything.
///
/// # Limits
/// - The write-ahead log needs memory that the processes share: it does not work on network file
///   systems.
/// - One session is written at a time, whichever it is; who waits for longer than 20 seconds gets
///   [`Busy`](BundleError::Busy). Reading waits for nobody, and keeps nobody waiting.
/// - Room that becomes free is used again, but the file does not become smaller; `VACUUM` does that.
/// - After a sync that failed, all sessions that this store has open are
///   [stopped](BundleError::Stopped). What was not synced before may be lost with the power, although
///   opening a session again finds it.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Arc<Database>,
}

impl SqliteStore {
    /// The sessions in this database. It is made, readable by its owner alone on Unix, if there is
    /// none; its directory is not.
    ///
    /// # Errors
    /// [`NewerSchema`](BundleError::NewerSchema) if a newer version has made it;
    /// [`Io`](BundleError::Io) with an [`UnfitDatabase`] as the source of its source, if it is another
    /// application's, or no database; or what the system refused.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        Ok(Self { database: Arc::new(Database::open(path.as_ref())?) })
    }

    /// The database.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Where a session is, for messages.
    fn location(&self, id: SessionId) -> PathBuf {
        self.path().join(id.to_string())
    }

    /// Locks a session that nobody has open.
    fn hold(&self, id: SessionId) -> Result<Held, BundleError> {
        let held = try_hold(&OsDisk, &self.database.lock_of(id))?;
        held.ok_or_else(|| BundleError::OpenElsewhere { dir: self.location(id) })
    }

    fn reader(&self, session: i64, id: SessionId) -> Result<SqliteReader, BundleError> {
        let connection = connect(self.path())?;
        Ok(SqliteReader::new(&self.database, connection, session, self.location(id)))
    }

    /// Makes a session unless another one is found before.
    fn make(
        &self,
        new: &NewSession<'_>,
        find: impl FnOnce(&Shelf<'_>) -> Result<Option<SessionId>, Failure>,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        let mut turn = self.database.turn();
        let made = turn.write("create a session in", Commit::Synced, |shelf| {
            if let Some(found) = find(shelf)? {
                return Ok(Err(found));
            }
            let session = shelf.create(new)?;
            // The lock is taken before anyone can see the session.
            Ok(Ok((session, self.hold(new.id)?)))
        })?;
        let doubts = turn.doubts();
        drop(turn);
        match made {
            Err(found) => Ok(Err(found)),
            Ok((session, held)) => {
                let reader = self.reader(session, new.id)?;
                Ok(Ok(Box::new(SqliteWriter::new(reader, new.id, held, 0, doubts))))
            }
        }
    }
}

impl BundleStore for SqliteStore {
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        let made = self.make(new, |_| Ok(None))?;
        made.map_err(|id| BundleError::AlreadyExists { id })
    }

    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        self.make(new, |shelf| shelf.find(is_it))
    }

    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError> {
        let mut turn = self.database.turn();
        // Synced, so that what an earlier process has written is durable too.
        let opened = turn.write("open a session in", Commit::Synced, |shelf| {
            let session = shelf.living(id)?;
            let held = self.hold(id)?;
            Ok((session, held, shelf.count_epoch(session)?))
        });
        let (session, held, epoch) = opened?;
        let doubts = turn.doubts();
        drop(turn);
        let reader = self.reader(session, id)?;
        Ok(Box::new(SqliteWriter::new(reader, id, held, epoch, doubts)))
    }

    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError> {
        let connection = connect(self.path())?;
        let session = Shelf::new(&connection).kept(id);
        let session =
            session.map_err(|failure| failure.at("look for a session in", self.path()))?;
        let location = self.location(id);
        Ok(Box::new(SqliteReader::new(&self.database, connection, session, location)))
    }

    fn list(&self) -> Result<Vec<Listed>, BundleError> {
        let connection = connect(self.path())?;
        let listed = Shelf::new(&connection).list();
        listed.map_err(|error| Failure::from(error).at("list the sessions of", self.path()))
    }

    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError> {
        let mut turn = self.database.turn();
        let held = turn.write("delete a session in", Commit::Synced, |shelf| {
            let session = shelf.living(id)?;
            let held = self.hold(id)?;
            shelf.bury(session, tombstone)?;
            if shelf.shared(id)? == 0 {
                shelf.clear(session)?;
            }
            Ok(held)
        })?;
        drop(held);
        // Nobody takes the lock of a session that is deleted. Where it stays, it is garbage.
        let _ = OsDisk.remove(&self.database.lock_of(id));
        Ok(())
    }

    fn collect_garbage(&self) -> Result<u64, BundleError> {
        let mut turn = self.database.turn();
        turn.write("collect the garbage of", Commit::Synced, |shelf| {
            let mut removed = 0;
            for (session, id) in shelf.buried()? {
                if shelf.shared(id)? == 0 {
                    removed += shelf.clear(session)?;
                }
            }
            // Nobody creates a session meanwhile, so a lock without one is left over.
            self.database.remove_locks(|id| match shelf.living(id) {
                Ok(_) => Ok(true),
                Err(Failure::Bundle(
                    BundleError::NotFound { .. } | BundleError::Deleted { .. },
                )) => Ok(false),
                Err(failure) => Err(failure),
            })?;
            Ok(removed)
        })
    }
}
