//! What a database has to be.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::failure::Failure;
use crate::error::BundleError;

/// The `application_id` of our databases: the letters "MNPL".
const APPLICATION_ID: i32 = 0x4d4e_504c;

/// The `user_version` that this version writes, and the newest that it reads.
const VERSION: i32 = 1;

/// - `session`: one that was created, also if it is deleted. `epoch` says how often it was opened to be
///   written, and `syncs` is counted up to have something to commit.
/// - `lineage`: how many actions of which others a session that is not deleted has, for their own log
///   does not.
/// - `document`, `line` and `blob`: what a session has.
const TABLES: &str = "
CREATE TABLE session (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL DEFAULT 0,
    syncs INTEGER NOT NULL DEFAULT 0,
    is_deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE lineage (
    session INTEGER NOT NULL REFERENCES session,
    ancestor TEXT NOT NULL,
    actions INTEGER NOT NULL,
    PRIMARY KEY (session, ancestor)
) STRICT, WITHOUT ROWID;
CREATE INDEX forks ON lineage (ancestor, actions);
CREATE TABLE document (
    session INTEGER NOT NULL REFERENCES session,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (session, kind)
) STRICT;
CREATE TABLE line (
    session INTEGER NOT NULL REFERENCES session,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob (
    session INTEGER NOT NULL REFERENCES session,
    id TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (session, id)
) STRICT;
";

/// Why a file is not one that [`SqliteStore`](crate::SqliteStore) works with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitDatabase {
    /// It is no SQLite database.
    #[error("it is no SQLite database: choose another file")]
    NotADatabase,
    /// It is the database of another application.
    #[error(
        "it is another application's database (application_id {application_id}): choose another file"
    )]
    Foreign {
        /// The number by which it says whose it is; 0 if it does not.
        application_id: i32,
    },
    /// Its file system does not let processes share memory, which the write-ahead log needs.
    #[error(
        "it cannot have a write-ahead log (journal_mode is {journal_mode}): choose a local file system"
    )]
    NoWriteAheadLog {
        /// The journal mode that it has.
        journal_mode: String,
    },
}

impl UnfitDatabase {
    fn at(self, path: &Path) -> BundleError {
        let source = Arc::new(io::Error::new(io::ErrorKind::InvalidData, self));
        BundleError::Io { attempt: "open", path: path.to_owned(), source }
    }
}

/// Whether the database is empty. It is an error if it is neither that nor one of ours.
pub(super) fn is_new(connection: &Connection, path: &Path) -> Result<bool, BundleError> {
    let (application_id, version, tables) = match describe(connection) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(UnfitDatabase::NotADatabase.at(path));
        }
        described => described.map_err(|error| Failure::from(error).at("open", path))?,
    };
    match (application_id, version) {
        (APPLICATION_ID, VERSION) => Ok(false),
        (APPLICATION_ID, found) => Err(BundleError::NewerSchema {
            path: path.to_owned(),
            line: 1,
            found: found.cast_unsigned(),
            known: VERSION.cast_unsigned(),
        }),
        (0, 0) if tables == 0 => Ok(true),
        _ => Err(UnfitDatabase::Foreign { application_id }.at(path)),
    }
}

/// Whose it is, its version, and how many tables it has.
fn describe(connection: &Connection) -> rusqlite::Result<(i32, i32, i64)> {
    let value = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let tables =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok((value("application_id")?, value("user_version")?, tables))
}

/// Makes the database write ahead, if it does not.
pub(super) fn keep_log(connection: &Connection, path: &Path) -> Result<(), BundleError> {
    let set = "PRAGMA journal_mode = WAL";
    let journal_mode = connection.query_row(set, (), |row| row.get(0));
    let journal_mode: String =
        journal_mode.map_err(|error| Failure::from(error).at("open", path))?;
    if journal_mode == "wal" {
        return Ok(());
    }
    Err(UnfitDatabase::NoWriteAheadLog { journal_mode }.at(path))
}

/// Makes an empty database ours, whole or not at all.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_write_ahead_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        match keep_log(&connection, "sessions.db".as_ref()).unwrap_err() {
            BundleError::Io { source, .. } => assert_eq!(
                source.get_ref().and_then(|source| source.downcast_ref()),
                Some(&UnfitDatabase::NoWriteAheadLog { journal_mode: "memory".into() })
            ),
            other => panic!("{other:?}"),
        }
    }
}
