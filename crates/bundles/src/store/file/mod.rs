//! Sessions in a directory: one directory each.

pub(crate) mod broken;
mod chunk;
mod files;
pub(super) mod lock;
mod marks;
mod open_chunk;
mod place;
mod reader;
mod recover;
mod rewrite;
mod writer;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::lock::{Held, Lock, hold};
use self::place::Place;
use self::reader::{FileReader, chunk_names, read_document};
use self::recover::{Recovered, recover};
use self::rewrite::merge_if_many;
use self::writer::FileWriter;
use super::{BundleStore, Document, Listed, NewSession, SessionReader, SessionWriter};
use crate::disk::{Disk, OsDisk};
use crate::error::{Attempt, BundleError};
use crate::session::{Header, SessionId};

/// Sessions in a directory, in files that people can read.
///
/// Each session has a directory named by its id:
///
/// | file | what it says |
/// | --- | --- |
/// | `bundle.json` | what the session is; it never changes |
/// | `00000000000000000000.jsonl`, … | the log, in chunks named by their first action, a line an action |
/// | `00000000000000000000-00000000000000000100.jsonl` | a chunk in place of smaller ones, with the actions from the first number to before the second |
/// | `blobs/<hash>` | a part of an action that is long, under the hash of what it says |
/// | `snapshot.json`, `card.json` | what the log has come to, and what of that a list shows |
/// | `lock` | who writes has it locked |
/// | `deleted.json` | that the session was deleted, when, and why |
///
/// The chunk that is written to ends in zeros, which are room; every other one is sealed by a last
/// line, and can be read with `jq`. A chunk is sealed when it has 16 MiB, and when its writer lets go
/// of the session in good order.
#[derive(Debug, Clone)]
pub struct FileStore {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl FileStore {
    /// The sessions in `root`. The directory is made with the first session.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::on(Arc::new(OsDisk), root.into())
    }

    pub(crate) fn on(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, root }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn place(&self, id: SessionId) -> Result<Place, BundleError> {
        let place = Place::new(Arc::clone(&self.disk), &self.root, id);
        files::require_dir_if_any(&*self.disk, place.dir())?;
        Ok(place)
    }

    /// Keeps every other process from creating and deleting sessions here.
    fn hold(&self) -> Result<Held, BundleError> {
        hold(&*self.disk, &self.root.join("lock"))
    }

    /// The ids of everything here that looks like a session.
    fn ids(&self) -> Result<Vec<SessionId>, BundleError> {
        let names = match self.disk.list(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            names => names.attempt("list", &self.root)?,
        };
        let mut ids: Vec<SessionId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn create_held(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        let place = self.place(new.id)?;
        if files::exists(&*self.disk, place.dir())? && !is_begun(&place)? {
            return Err(BundleError::AlreadyExists { id: new.id });
        }
        if let Some(parent) = new.parent() {
            // One that is deleted has its header as long as others need what it shares.
            let parent = self.place(parent)?;
            if read_header(&parent)?.is_none() {
                require_not_deleted(&parent)?;
                require_header(&parent)?;
            }
        }
        let path = place.document(Document::Header);
        let header = Header::from_bytes(new.header, &path)?;
        files::make_dir(&*self.disk, place.dir())?;
        let lock = Lock::take_first(&place)?;
        // The header comes last: until it is there, there is no session.
        files::write_atomically(&*self.disk, &path, &place.temporary(), new.header)?;
        Ok(Box::new(FileWriter::new(self.clone(), place, header, lock, None, None)))
    }

    /// How many actions of a session are shared with sessions that are not deleted. Of one that cannot
    /// be read this is not known, which is an error that names it.
    fn shared(&self, id: SessionId) -> Result<u64, BundleError> {
        let others = self.ids()?.into_iter().filter(|other| *other != id);
        Ok(self.shared_by(others)?.remove(&id).unwrap_or(0))
    }

    /// Of which sessions these share actions, if they are not deleted, and how many.
    fn shared_by(
        &self,
        ids: impl IntoIterator<Item = SessionId>,
    ) -> Result<BTreeMap<SessionId, u64>, BundleError> {
        let mut shared = BTreeMap::new();
        for id in ids {
            let place = self.place(id)?;
            if files::exists(&*self.disk, &place.document(Document::Tombstone))? {
                continue;
            }
            let Some(header) = read_header(&place)? else { continue };
            for forked in header.ancestors().iter().filter(|forked| forked.at > 0) {
                let most = shared.entry(forked.from).or_default();
                *most = forked.at.max(*most);
            }
        }
        Ok(shared)
    }
}

impl BundleStore for FileStore {
    fn create(&self, new: &NewSession<'_>) -> Result<Box<dyn SessionWriter>, BundleError> {
        files::make_dir(&*self.disk, &self.root)?;
        let _held = self.hold()?;
        self.create_held(new)
    }

    fn create_unless(
        &self,
        new: &NewSession<'_>,
        is_it: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Result<Box<dyn SessionWriter>, SessionId>, BundleError> {
        files::make_dir(&*self.disk, &self.root)?;
        let _held = self.hold()?;
        for id in self.ids()?.into_iter().rev() {
            let place = self.place(id)?;
            let header = read_document(&place, Document::Header)?;
            if header.is_some_and(|header| is_it(&header))
                && !files::exists(&*self.disk, &place.document(Document::Tombstone))?
            {
                return Ok(Err(id));
            }
        }
        self.create_held(new).map(Ok)
    }

    fn open(&self, id: SessionId) -> Result<Box<dyn SessionWriter>, BundleError> {
        let place = self.place(id)?;
        // Looked for first, so that no lock is left where there is no session.
        require_not_deleted(&place)?;
        require_header(&place)?;
        let lock = Lock::take(&place)?;
        require_not_deleted(&place)?;
        let header = require_header(&place)?;
        let Recovered { last, recovery } = recover(&place, &header)?;
        merge_if_many(&place)?;
        Ok(Box::new(FileWriter::new(self.clone(), place, header, lock, last, recovery)))
    }

    fn read(&self, id: SessionId) -> Result<Box<dyn SessionReader>, BundleError> {
        let place = self.place(id)?;
        let header = if let Some(header) = read_header(&place)? {
            header
        } else {
            require_not_deleted(&place)?;
            require_header(&place)?
        };
        Ok(Box::new(FileReader::new(place, header)))
    }

    fn list(&self) -> Result<Vec<Listed>, BundleError> {
        let listed = self.ids()?.into_iter().map(|id| {
            let place = self.place(id)?;
            let tombstone = read_document(&place, Document::Tombstone)?;
            let mut listed = Listed { id, header: None, card: None, tombstone };
            if listed.tombstone.is_none() {
                listed.header = read_document(&place, Document::Header)?;
                listed.card = read_document(&place, Document::Card)?;
            }
            Ok(listed)
        });
        let is_one = |listed: &Listed| listed.header.is_some() || listed.tombstone.is_some();
        let listed: Result<Vec<_>, BundleError> = listed.collect();
        Ok(listed?.into_iter().filter(is_one).collect())
    }

    fn delete(&self, id: SessionId, tombstone: &[u8]) -> Result<(), BundleError> {
        let place = self.place(id)?;
        // Looked for first, so that no lock is left where there is no store.
        require_not_deleted(&place)?;
        match require_header(&place) {
            // What it says is not needed to delete it.
            Err(BundleError::Damaged { .. } | BundleError::Unintelligible { .. }) => {}
            header => drop(header?),
        }
        let _held = self.hold()?;
        require_not_deleted(&place)?;
        let _lock = Lock::take(&place)?;
        files::require_dir_if_any(place.disk(), &place.blobs())?;
        // Known before anything is written, or nothing is.
        let shared = self.shared(id)?;
        let path = place.document(Document::Tombstone);
        files::write_atomically(&*self.disk, &path, &place.temporary(), tombstone)?;
        if shared == 0 {
            Self::clear(&place)?;
        }
        Ok(())
    }

    fn collect_garbage(&self) -> Result<u64, BundleError> {
        if !files::exists(&*self.disk, &self.root)? {
            return Ok(0);
        }
        let _held = self.hold()?;
        let ids = self.ids()?;
        let (mut removed, mut shared) = (0, None);
        for &id in &ids {
            let place = self.place(id)?;
            if !files::exists(&*self.disk, &place.document(Document::Tombstone))? {
                removed += Self::collect(&place)?;
                continue;
            }
            // Where nothing is deleted, a header that cannot be read is in nobody's way.
            let shared = match &shared {
                Some(shared) => shared,
                None => shared.insert(self.shared_by(ids.iter().copied())?),
            };
            if !shared.contains_key(&id) {
                removed += Self::clear(&place)?;
            }
        }
        Ok(removed)
    }
}

fn read_header(place: &Place) -> Result<Option<Header>, BundleError> {
    let bytes = read_document(place, Document::Header)?;
    bytes.map(|bytes| Header::from_bytes(&bytes, &place.document(Document::Header))).transpose()
}

fn require_header(place: &Place) -> Result<Header, BundleError> {
    if let Some(header) = read_header(place)? {
        return Ok(header);
    }
    match chunk_names(place) {
        Ok(names) => match names.first() {
            Some(name) => Err(BundleError::Orphaned { path: place.chunk(*name) }),
            None => Err(BundleError::NotFound { id: place.id }),
        },
        Err(BundleError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Err(BundleError::NotFound { id: place.id })
        }
        Err(error) => Err(error),
    }
}

/// Whether a session that there is not was begun: whoever made its directory did not come to write its
/// header, and does not any more, since the store is held.
fn is_begun(place: &Place) -> Result<bool, BundleError> {
    if files::exists(place.disk(), &place.document(Document::Tombstone))? {
        return Ok(false);
    }
    Ok(matches!(require_header(place), Err(BundleError::NotFound { .. })))
}

fn require_not_deleted(place: &Place) -> Result<(), BundleError> {
    if files::exists(place.disk(), &place.document(Document::Tombstone))? {
        return Err(BundleError::Deleted { id: place.id });
    }
    Ok(())
}
