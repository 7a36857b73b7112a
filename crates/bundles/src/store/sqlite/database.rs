use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::failure::Failure;
use super::schema;
use super::shelf::Shelf;
use crate::disk::{Access, Disk, OsDisk};
use crate::error::{Attempt, BundleError};
use crate::session::SessionId;
use crate::store::Commit;
use crate::store::file::lock::hold;

/// How long a write waits for those of other processes to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// On Unix, a process that closes a file gives up all locks that it has on it, also those that SQLite
/// took through another handle. So while one thread makes an empty file, no other opens it.
static MAKING: Mutex<()> = Mutex::new(());

/// A database, and the one connection of this store that writes to it.
///
/// Everybody who reads has another connection, because reading can take long.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    locks: PathBuf,
    writing: Mutex<Writing>,
}

/// Whose turn it is to use the connection that writes. The others wait in fairness, which SQLite does
/// not give.
#[derive(Debug)]
pub(super) struct Writing {
    path: PathBuf,
    connection: Connection,
    /// How often a sync has failed, and how the last time.
    doubts: u64,
    doubt: Option<Arc<BundleError>>,
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, BundleError> {
        // A name that SQLite gives a meaning, as ":memory:", has none in an absolute path.
        let path = std::path::absolute(path).attempt("find", path)?;
        make_if_none(&path)?;
        let mut locks = path.clone().into_os_string();
        locks.push("-locks");
        let locks = PathBuf::from(locks);
        let mut connection = connect(&path)?;
        if schema::is_new(&connection, &path)? {
            make_dir(&locks)?;
            let _held = hold(&OsDisk, &locks.join("database"))?;
            // Another process may have been faster.
            if schema::is_new(&connection, &path)? {
                schema::keep_log(&connection, &path)?;
                let created = schema::create(&mut connection);
                created.map_err(|error| Failure::from(error).at("create", &path))?;
            }
        }
        schema::keep_log(&connection, &path)?;
        make_dir(&locks)?;
        let set =
            connection.execute_batch("PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;");
        set.map_err(|error| Failure::from(error).at("open", &path))?;
        let writing = Writing { path: path.clone(), connection, doubts: 0, doubt: None };
        Ok(Self { path, locks, writing: Mutex::new(writing) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that whoever writes a session has locked.
    pub(super) fn lock_of(&self, id: SessionId) -> PathBuf {
        self.locks.join(id.to_string())
    }

    /// Removes the locks of sessions of which it is not said that they live.
    pub(super) fn remove_locks(
        &self,
        mut is_living: impl FnMut(SessionId) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        for name in OsDisk.list(&self.locks).attempt("list", &self.locks)? {
            let Ok(id) = name.parse() else { continue };
            if is_living(id)? {
                continue;
            }
            let path = self.lock_of(id);
            match OsDisk.remove(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.attempt("remove", &path)?,
            }
        }
        Ok(())
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, Writing> {
        // A transaction that panicked has been taken back.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// How often a sync has failed. A writer that was opened before the last time may not go on.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts
    }

    /// How a sync has failed since there were so many.
    pub(super) fn doubt_since(&self, doubts: u64) -> Option<Arc<BundleError>> {
        self.doubt.clone().filter(|_| self.doubts > doubts)
    }

    /// Does something in one transaction, which is taken back where it fails.
    pub(super) fn write<T>(
        &mut self,
        attempt: &'static str,
        commit: Commit,
        act: impl FnOnce(&Shelf<'_>) -> Result<T, Failure>,
    ) -> Result<T, BundleError> {
        let done = self.transact(commit, act);
        done.map_err(|failure| {
            let is_doubtful = failure.is_doubtful();
            let error = failure.at(attempt, &self.path);
            if is_doubtful {
                self.doubts += 1;
                self.doubt = Some(Arc::new(error.clone()));
            }
            error
        })
    }

    fn transact<T>(
        &mut self,
        commit: Commit,
        act: impl FnOnce(&Shelf<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let synchronous = match commit {
            Commit::Synced => "FULL",
            Commit::Buffered => "NORMAL",
        };
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        let behavior = TransactionBehavior::Immediate;
        let transaction: Transaction<'_> = self.connection.transaction_with_behavior(behavior)?;
        let done = act(&Shelf::new(&transaction))?;
        transaction.commit()?;
        Ok(done)
    }

    /// Moves what is in the write-ahead log into the database, as far as nobody reads it.
    pub(super) fn checkpoint(&mut self) -> Result<(), BundleError> {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
        moved.map_err(|error| Failure::from(error).at("tidy", &self.path))
    }
}

/// A connection to a database that is there.
pub(super) fn connect(path: &Path) -> Result<Connection, BundleError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connected = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    });
    connected.map_err(|error| Failure::from(error).at("open", path))
}

/// Makes an empty file, which is an empty database, for its owner alone.
fn make_if_none(path: &Path) -> Result<(), BundleError> {
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match OsDisk.open(path, Access::CreateNew) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        made => made.map(drop).attempt("create", path)?,
    }
    match path.parent() {
        Some(above) => OsDisk.sync_dir(above).attempt("sync the directory", above),
        None => Ok(()),
    }
}

fn make_dir(path: &Path) -> Result<(), BundleError> {
    match OsDisk.make_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.attempt("create the directory", path),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_transaction_that_does_not_fit_is_taken_back_and_the_next_may() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("sessions.db")).unwrap();
        let mut turn = database.turn();
        turn.connection.execute("INSERT INTO session (id) VALUES ('a')", ()).unwrap();
        let pages: i64 =
            turn.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        turn.connection
            .pragma_update_and_check(None, "max_page_count", pages + 1, |_| Ok(()))
            .unwrap();
        let row = |turn: &mut Writing, bytes: usize| {
            turn.write("write to", Commit::Synced, |shelf| {
                shelf.put_document(1, crate::store::Document::Card, &vec![1; bytes])
            })
        };
        match row(&mut turn, 1 << 20).unwrap_err() {
            BundleError::Io { path, source, .. } => {
                assert_eq!(
                    (path.as_path(), source.kind()),
                    (database.path(), io::ErrorKind::StorageFull)
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(turn.doubts(), 0);
        row(&mut turn, 10).unwrap();
    }

    #[test]
    fn who_waits_too_long_is_told_that_it_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("sessions.db")).unwrap();
        let other = connect(database.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut turn = database.turn();
        turn.connection.busy_timeout(Duration::ZERO).unwrap();
        let refused = turn.write("write to", Commit::Synced, |_| Ok(()));
        assert!(matches!(refused, Err(BundleError::Busy { .. })), "{refused:?}");
        drop(other);
        turn.write("write to", Commit::Synced, |_| Ok(())).unwrap();
    }

    #[test]
    fn a_sync_that_fails_stops_who_was_there_before() {
        use rusqlite::ffi;

        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("sessions.db")).unwrap();
        let mut turn = database.turn();
        let before = turn.doubts();
        let fails = |code| {
            move |_: &Shelf<'_>| -> Result<(), Failure> {
                Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
            }
        };
        turn.write("write to", Commit::Synced, fails(ffi::SQLITE_IOERR_WRITE)).unwrap_err();
        assert!(turn.doubt_since(before).is_none());
        turn.write("write to", Commit::Synced, fails(ffi::SQLITE_IOERR_FSYNC)).unwrap_err();
        assert!(turn.doubt_since(before).is_some());
        assert!(turn.doubt_since(turn.doubts()).is_none());
    }
}
