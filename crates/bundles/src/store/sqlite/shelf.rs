use rusqlite::{Connection, OptionalExtension};

use super::failure::Failure;
use crate::error::BundleError;
use crate::format::BlobId;
use crate::session::{InvalidSessionId, SessionId};
use crate::store::{Document, Lines, Listed, NewSession};

/// All sessions, over a connection that may be in a transaction.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    connection: &'a Connection,
}

type Answer<T> = Result<T, Failure>;

/// What stands in the column `kind`.
pub(super) fn kind(document: Document) -> &'static str {
    match document {
        Document::Header => "header",
        Document::Card => "card",
        Document::Snapshot => "snapshot",
        Document::Tombstone => "tombstone",
    }
}

impl<'a> Shelf<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection }
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Answer<()> {
        self.connection.execute(sql, params)?;
        Ok(())
    }

    fn number(&self, sql: &str, params: impl rusqlite::Params) -> Answer<i64> {
        Ok(self.connection.query_row(sql, params, |row| row.get(0))?)
    }

    /// The row of a session, and whether it is deleted.
    fn session(&self, id: SessionId) -> Answer<(i64, bool)> {
        let sql = "SELECT n, is_deleted FROM session WHERE id = ?1";
        let found =
            self.connection.query_row(sql, [id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional()?.ok_or_else(|| BundleError::NotFound { id }.into())
    }

    /// The row of a session that is there and not deleted.
    pub(super) fn living(&self, id: SessionId) -> Answer<i64> {
        match self.session(id)? {
            (_, true) => Err(BundleError::Deleted { id }.into()),
            (session, false) => Ok(session),
        }
    }

    /// The row of a session whose lines are kept.
    pub(super) fn kept(&self, id: SessionId) -> Answer<i64> {
        let (session, is_deleted) = self.session(id)?;
        let sql = "SELECT count(*) FROM document WHERE session = ?1 AND kind = 'header'";
        if is_deleted && self.number(sql, [session])? == 0 {
            return Err(BundleError::Deleted { id }.into());
        }
        Ok(session)
    }

    /// The newest session that is not deleted and of whose header it is said that it is the one.
    pub(super) fn find(&self, is_it: &mut dyn FnMut(&[u8]) -> bool) -> Answer<Option<SessionId>> {
        let mut statement = self.connection.prepare(
            "SELECT id, bytes FROM session JOIN document ON session = n AND kind = 'header'
             WHERE NOT is_deleted ORDER BY id DESC",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            if is_it(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
                return Ok(Some(id_in(row, 0)?));
            }
        }
        Ok(None)
    }

    /// Makes a session, and gives its row.
    pub(super) fn create(&self, new: &NewSession<'_>) -> Answer<i64> {
        match self.session(new.id) {
            Ok(_) => return Err(BundleError::AlreadyExists { id: new.id }.into()),
            Err(Failure::Bundle(BundleError::NotFound { .. })) => {}
            Err(failure) => return Err(failure),
        }
        if let Some(parent) = new.parent() {
            self.kept(parent)?;
        }
        let sql = "INSERT INTO session (id) VALUES (?1) RETURNING n";
        let session = self.number(sql, [new.id.to_string()])?;
        for forked in new.ancestors {
            let sql = "INSERT INTO lineage (session, ancestor, actions) VALUES (?1, ?2, ?3)";
            self.execute(sql, (session, forked.from.to_string(), signed(forked.at)))?;
        }
        self.put_document(session, Document::Header, new.header)?;
        Ok(session)
    }

    /// How often the session was opened to be written.
    pub(super) fn epoch(&self, session: i64) -> Answer<i64> {
        self.number("SELECT epoch FROM session WHERE n = ?1", [session])
    }

    /// Counts one more opening.
    pub(super) fn count_epoch(&self, session: i64) -> Answer<i64> {
        let sql = "UPDATE session SET epoch = epoch + 1 WHERE n = ?1 RETURNING epoch";
        self.number(sql, [session])
    }

    /// Changes something, because a transaction that changes nothing syncs nothing.
    pub(super) fn count_sync(&self, session: i64) -> Answer<i64> {
        let sql = "UPDATE session SET syncs = syncs + 1 WHERE n = ?1 RETURNING syncs";
        self.number(sql, [session])
    }

    /// How many actions of a session are shared with sessions that are not deleted.
    pub(super) fn shared(&self, id: SessionId) -> Answer<u64> {
        let sql = "SELECT coalesce(max(actions), 0) FROM lineage WHERE ancestor = ?1";
        let actions = self.number(sql, [id.to_string()])?;
        Ok(u64::try_from(actions).unwrap_or(0))
    }

    pub(super) fn list(&self) -> rusqlite::Result<Vec<Listed>> {
        let mut statement = self.connection.prepare(
            "SELECT id,
                (SELECT bytes FROM document WHERE session = n AND kind = 'header' AND NOT is_deleted),
                (SELECT bytes FROM document WHERE session = n AND kind = 'card' AND NOT is_deleted),
                (SELECT bytes FROM document WHERE session = n AND kind = 'tombstone')
             FROM session ORDER BY id",
        )?;
        let rows = statement.query_map((), |row| {
            let mut listed = Listed::new(id_in(row, 0)?);
            listed.header = row.get(1)?;
            listed.card = row.get(2)?;
            listed.tombstone = row.get(3)?;
            Ok(listed)
        })?;
        rows.collect()
    }

    /// Puts a tombstone in the place of a session, which shares nothing any more.
    pub(super) fn bury(&self, session: i64, tombstone: &[u8]) -> Answer<()> {
        self.put_document(session, Document::Tombstone, tombstone)?;
        self.execute("UPDATE session SET is_deleted = 1 WHERE n = ?1", [session])?;
        self.execute("DELETE FROM lineage WHERE session = ?1", [session])
    }

    /// The deleted sessions of which more is kept than a tombstone.
    pub(super) fn buried(&self) -> Answer<Vec<(i64, SessionId)>> {
        let mut statement = self.connection.prepare(
            "SELECT n, id FROM session JOIN document ON session = n AND kind = 'header'
             WHERE is_deleted",
        )?;
        let rows = statement.query_map((), |row| Ok((row.get(0)?, id_in(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes everything of a session but its tombstone, and gives how many bytes that was.
    pub(super) fn clear(&self, session: i64) -> Answer<u64> {
        let mut removed = 0;
        for rows in [
            "line WHERE session = ?1",
            "blob WHERE session = ?1",
            "document WHERE session = ?1 AND kind <> 'tombstone'",
        ] {
            let sql = format!("SELECT coalesce(sum(length(bytes)), 0) FROM {rows}");
            removed += u64::try_from(self.number(&sql, [session])?).unwrap_or(0);
            self.execute(&format!("DELETE FROM {rows}"), [session])?;
        }
        Ok(removed)
    }

    pub(super) fn put_document(&self, session: i64, which: Document, bytes: &[u8]) -> Answer<()> {
        let sql = "INSERT INTO document (session, kind, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
        self.execute(sql, (session, kind(which), bytes))
    }

    /// Adds those of the lines whose number is at least `from`.
    pub(super) fn add_lines(&self, session: i64, from: u64, lines: &Lines) -> Answer<()> {
        let sql = "INSERT INTO line (session, seq, bytes) VALUES (?1, ?2, ?3)";
        let mut insert = self.connection.prepare(sql)?;
        for (seq, line) in lines.iter().filter(|(seq, _)| *seq >= from) {
            insert.execute((session, signed(seq), line))?;
        }
        Ok(())
    }

    /// Removes the lines whose number is at least `from`.
    pub(super) fn remove_lines(&self, session: i64, from: u64) -> Answer<()> {
        self.execute("DELETE FROM line WHERE session = ?1 AND seq >= ?2", (session, signed(from)))
    }

    pub(super) fn put_blob(&self, session: i64, id: BlobId, content: &[u8]) -> Answer<()> {
        let sql =
            "INSERT INTO blob (session, id, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.execute(sql, (session, id.to_string(), content))
    }

    /// Removes the blobs that these lines, which are all, do not need.
    pub(super) fn remove_needless_blobs(&self, session: i64, lines: &Lines) -> Answer<()> {
        let needed = lines.blobs();
        let mut statement = self.connection.prepare("SELECT id FROM blob WHERE session = ?1")?;
        let ids = statement.query_map([session], |row| row.get::<_, String>(0))?;
        for id in ids.collect::<Result<Vec<_>, _>>()? {
            if !id.parse().is_ok_and(|id| needed.contains(&id)) {
                self.execute("DELETE FROM blob WHERE session = ?1 AND id = ?2", (session, id))?;
            }
        }
        Ok(())
    }
}

fn id_in(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: InvalidSessionId| {
        let error = Box::new(error);
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    })
}

/// A number as SQLite has it. No log has as many actions as would not fit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
