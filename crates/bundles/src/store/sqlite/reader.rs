use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params};

use super::database::Database;
use super::failure::Failure;
use super::shelf::{kind, signed};
use crate::error::BundleError;
use crate::format::BlobId;
use crate::store::{Document, Line, SessionReader, Visit};

/// A session in a database that is read, over a connection of its own.
#[derive(Debug)]
pub(super) struct SqliteReader {
    connection: Connection,
    pub(super) database: Arc<Database>,
    pub(super) session: i64,
    location: PathBuf,
}

impl SqliteReader {
    pub(super) fn new(
        database: &Arc<Database>,
        connection: Connection,
        session: i64,
        location: PathBuf,
    ) -> Self {
        Self { connection, database: Arc::clone(database), session, location }
    }

    fn bytes(&self, sql: &str, params: impl Params) -> Result<Option<Vec<u8>>, BundleError> {
        let found = self.connection.query_row(sql, params, |row| row.get(0)).optional();
        found.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl Into<Failure>) -> BundleError {
        error.into().at("read", self.database.path())
    }

    pub(super) fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        let sql = "SELECT seq, bytes FROM line WHERE session = ?1 ORDER BY seq DESC LIMIT 1";
        let last = self.connection.query_row(sql, [self.session], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
        });
        last.optional().map_err(|error| self.failed(error))
    }

    /// As [`lines`](SessionReader::lines). They are those of one moment, because one statement reads
    /// what was committed before it began.
    fn show(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), Failure> {
        let mut statement = self
            .connection
            .prepare("SELECT seq, bytes FROM line WHERE session = ?1 AND seq >= ?2 ORDER BY seq")?;
        let mut rows = statement.query((self.session, signed(from)))?;
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(0)?.cast_unsigned();
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            if visit(Line::new(seq, bytes, &self.location))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl SessionReader for SqliteReader {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        let sql = "SELECT bytes FROM document WHERE session = ?1 AND kind = ?2";
        self.bytes(sql, (self.session, kind(document)))
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        self.show(from, visit).map_err(|failure| self.failed(failure))
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        let sql = "SELECT bytes FROM blob WHERE session = ?1 AND id = ?2";
        self.bytes(sql, (self.session, id.to_string()))
    }

    fn location(&self) -> &Path {
        &self.location
    }
}
