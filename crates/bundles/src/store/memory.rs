use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    BundleStore, Commit, Document, Line, Lines, Listed, NewSession, Recovery, SessionReader,
    SessionWriter, Visit,
};
use crate::error::BundleError;
use crate::format::BlobId;
use crate::session::SessionId;

/// Sessions that live as long as the process. Clones have the same sessions.
///
/// It keeps all the promises of a store but to outlive the process: for tests, and for work that need
/// not survive.
#[derive(Clone, Default)]
pub struct MemoryStore {
    sessions: Arc<Mutex<BTreeMap<SessionId, Stored>>>,
}

#[derive(Debug, Default)]
struct Stored {
    documents: BTreeMap<Document, Vec<u8>>,
    lines: BTreeMap<u64, Arc<[u8]>>,
    blobs: BTreeMap<BlobId, Arc<[u8]>>,
    /// The sessions with whose actions its log begins, with how many of each.
    ancestors: Vec<(SessionId, u64)>,
    is_open: bool,
}

impl Stored {
    fn is_deleted(&self) -> bool {
        self.documents.contains_key(&Document::Tombstone)
    }

    fn is_kept(&self) -> bool {
        self.documents.contains_key(&Document::Header)
    }

    fn clear(&mut self) -> u64 {
        let tombstone = self.documents.remove(&Document::Tombstone);
        let lines = self.lines.values().chain(self.blobs.values()).map(|bytes| bytes.len());
        let documents = self.documents.values().map(Vec::len);
        let removed = lines.chain(documents).sum::<usize>();
        *self = Self { is_open: self.is_open, ..Self::default() };
        self.documents.extend(tombstone.map(|tombstone| (Document::Tombstone, tombstone)));
        u64::try_from(removed).unwrap_or(u64::MAX)
    }
}

type Sessions = BTreeMap<SessionId, Stored>;

impl MemoryStore {
    /// No sessions.
    pub fn new() -> Self {
        Self::default()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: SessionId) -> MemorySession {
        MemorySession { store: self.clone(), id, location: format!("memory/{id}").into() }
    }

    fn make(
        &self,
        sessions: &mut Sessions,
        new: &NewSession<'_>,
    ) -> Result<Box<dyn SessionWriter>, BundleError> {
        if sessions.contains_key(&new.id) {
            return Err(BundleError::AlreadyExists { id: new.id });
        }
        if let Some(parent) = new.parent() {
            // One that is deleted has its header as long as others need what it shares.
            let kept = sessions.get(&parent).is_some_and(Stored::is_kept);
            if !kept {
                find(sessions, parent)?;
            }
        }
        let handle = self.handle(new.id);
        let ancestors = new.ancestors.iter().map(|forked| (forked.from, forked.at)).collect();
        let mut stored = Stored { ancestors, is_open: true, ..Stored::default() };
        stored.documents.insert(Document::Header, new.header.to_vec());
        sessions.insert(new.id, stored);
        Ok(Box::new(MemoryWriter(handle)))
    }
}

/// The session, if it is there and not deleted.
fn find(sessions: &mut Sessions, id: SessionId) -> Result<&mut Stored, BundleError> {
    match sessions.get_mut(&id) {
        None => Err(BundleError::NotFound { id }),
        Some(stored) if stored.is_deleted() => Err(BundleError::Deleted { id }),
        Some(stored) => Ok(stored),
    }
}

/// How many actions of a session are shared with sessions that are not deleted.
fn shared(sessions: &Sessions, id: SessionId) -> u64 {
    let living = sessions.values().filter(|stored| !stored.is_deleted());
    let shares = living.flat_map(|stored| &stored.ancestors).filter(|(from, _)| *from == id);
    shares.map(|(_, at)| *at).max().unwrap_or(0)
}

impl BundleStore for MemoryStore {
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        self.make(&mut self.sessions(), new)
    }

    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        let mut sessions = self.sessions();
        let found = sessions.iter().rev().find(|(_, stored)| {
            !stored.is_deleted()
                && stored.documents.get(&Document::Header).is_some_and(|header| is_it(header))
        });
        match found {
            Some((id, _)) => Ok(Err(*id)),
            None => self.make(&mut sessions, new).map(Ok),
        }
    }

    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError> {
        let mut sessions = self.sessions();
        let stored = find(&mut sessions, id)?;
        let handle = self.handle(id);
        if stored.is_open {
            return Err(BundleError::OpenElsewhere { dir: handle.location });
        }
        stored.is_open = true;
        Ok(Box::new(MemoryWriter(handle)))
    }

    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError> {
        let mut sessions = self.sessions();
        let is_kept = sessions.get(&id).is_some_and(Stored::is_kept);
        if !is_kept {
            find(&mut sessions, id)?;
        }
        Ok(Box::new(self.handle(id)))
    }

    fn list(&self) -> Result<Vec<Listed>, BundleError> {
        let sessions = self.sessions();
        let listed = sessions.iter().map(|(id, stored)| {
            let document = |document| stored.documents.get(&document).cloned();
            let living = |which| document(which).filter(|_| !stored.is_deleted());
            Listed {
                id: *id,
                header: living(Document::Header),
                card: living(Document::Card),
                tombstone: document(Document::Tombstone),
            }
        });
        Ok(listed.collect())
    }

    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError> {
        let mut sessions = self.sessions();
        let shared = shared(&sessions, id);
        let stored = find(&mut sessions, id)?;
        if stored.is_open {
            return Err(BundleError::OpenElsewhere { dir: self.handle(id).location });
        }
        stored.documents.insert(Document::Tombstone, tombstone.to_vec());
        if shared == 0 {
            stored.clear();
        }
        Ok(())
    }

    fn collect_garbage(&self) -> Result<u64, BundleError> {
        let mut sessions = self.sessions();
        let deleted = sessions.iter().filter(|(_, stored)| stored.is_deleted());
        let needless: Vec<_> =
            deleted.map(|(id, _)| *id).filter(|id| shared(&sessions, *id) == 0).collect();
        let cleared = needless.iter().filter_map(|id| Some(sessions.get_mut(id)?.clear()));
        Ok(cleared.sum())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct MemorySession {
    store: MemoryStore,
    id: SessionId,
    location: PathBuf,
}

impl MemorySession {
    fn with<T>(&self, act: impl FnOnce(&mut Stored) -> T) -> Result<T, BundleError> {
        let mut sessions = self.store.sessions();
        let stored = sessions.get_mut(&self.id).ok_or(BundleError::NotFound { id: self.id })?;
        Ok(act(stored))
    }
}

impl SessionReader for MemorySession {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.with(|stored| stored.documents.get(&document).cloned())
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        // They are copied a few at a time, because `visit` may ask for a blob.
        const AT_ONCE: usize = 256;
        let mut next = from;
        loop {
            let lines: Vec<_> = self.with(|stored| {
                let lines = stored.lines.range(next..).take(AT_ONCE);
                lines.map(|(seq, line)| (*seq, Arc::clone(line))).collect()
            })?;
            for (seq, line) in &lines {
                if visit(Line::new(*seq, line, &self.location))?.is_break() {
                    return Ok(());
                }
                next = seq.saturating_add(1);
            }
            if lines.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        self.with(|stored| stored.blobs.get(&id).map(|content| content.to_vec()))
    }

    fn location(&self) -> &Path {
        &self.location
    }
}

#[derive(Debug)]
struct MemoryWriter(MemorySession);

impl SessionReader for MemoryWriter {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        self.0.document(document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        self.0.lines(from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        self.0.blob(id)
    }

    fn location(&self) -> &Path {
        self.0.location()
    }
}

impl SessionWriter for MemoryWriter {
    fn recovery(&self) -> Option<Recovery> {
        None
    }

    fn last(&self) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        self.0.with(|stored| stored.lines.last_key_value().map(|(seq, line)| (*seq, line.to_vec())))
    }

    fn append(&mut self, lines: &Lines, _: Commit) -> Result<(), BundleError> {
        let lines = lines.iter().map(|(seq, line)| (seq, line.into()));
        self.0.with(|stored| stored.lines.extend(lines))
    }

    fn put_blob(&mut self, id: BlobId, content: &[u8]) -> Result<(), BundleError> {
        self.0.with(|stored| {
            stored.blobs.entry(id).or_insert_with(|| content.into());
        })
    }

    fn sync(&mut self) -> Result<(), BundleError> {
        Ok(())
    }

    fn put_document(&mut self, document: Document, content: &[u8]) -> Result<(), BundleError> {
        self.0.with(|stored| {
            stored.documents.insert(document, content.to_vec());
        })
    }

    fn rewrite(&mut self, first_changed: u64, lines: &Lines) -> Result<(), BundleError> {
        let id = self.0.id;
        let mut sessions = self.0.store.sessions();
        let actions = shared(&sessions, id);
        if actions > first_changed {
            return Err(BundleError::Shared { id, actions });
        }
        let stored = sessions.get_mut(&id).ok_or(BundleError::NotFound { id })?;
        stored.lines = lines.iter().map(|(seq, line)| (seq, line.into())).collect();
        let needed = lines.blobs();
        stored.blobs.retain(|id, _| needed.contains(id));
        Ok(())
    }

    fn tidy(&mut self) -> Result<(), BundleError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), BundleError> {
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        // A session cannot vanish while it is open.
        let _ = self.0.with(|stored| stored.is_open = false);
    }
}
