//! Keeps dropped texts in files.

mod directory;
mod error;
mod index;
mod pack;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use error::{Damage, FileRecallError};

use self::directory::Directory;
use self::error::Attempt;
use self::index::Index;
use self::pack::{NewPack, PackName, Place, read_list, read_text};
use super::{Handle, RecallError, RecallStore, ShortHandle};

/// Keeps dropped texts in a directory, where other processes find them too, also after a crash.
///
/// What `put` has acknowledged survives `kill -9` and the loss of power. Texts that are put together
/// share one file and one sync, so that a reduction with ten thousand drops costs about one. A file
/// is whole before it has its name, and is never changed after; every text is checked against its
/// handle when it is read, and one that is not what was kept is an
/// [error](RecallError::Damaged), never other bytes. Any number of processes can use a directory at
/// once.
///
/// Files are readable by their owner alone. Nothing is ever removed but what a writer that died left
/// unfinished; a host that wants to forget removes files, or the directory, itself. The handles of
/// all texts are held in memory, about 200 bytes each; the texts are not. A handle that is not known
/// costs a look at the directory.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{FileRecall, Handle, RecallStore};
///
/// # let root = std::env::temp_dir().join(format!("maniple-recall-{}", std::process::id()));
/// let text: Arc<str> = "what was left out\n".into();
/// let handle = Handle::of(&text);
/// FileRecall::open(&root)?.put(&handle, &text)?;
///
/// let next_process = FileRecall::open(&root)?;
/// assert_eq!(next_process.get(&handle)?, text);
/// # std::fs::remove_dir_all(root)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileRecall {
    directory: Directory,
    index: Mutex<Index>,
}

impl FileRecall {
    /// Opens a directory, or makes it.
    ///
    /// # Errors
    /// [`FileRecallError::Io`] where it cannot be made or read. Damaged files are no error here, but
    /// to whoever asks for what may be in them.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, FileRecallError> {
        let store =
            Self { directory: Directory::open(root.into())?, index: Mutex::new(Index::default()) };
        store.refresh()?;
        Ok(store)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // It only ever takes in what there is, and can always be refreshed.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what others have written.
    fn refresh(&self) -> Result<(), FileRecallError> {
        let mut index = self.index();
        let changed = self.directory.changed()?;
        if index.is_settled(changed) {
            return Ok(());
        }
        let listed = self.directory.list()?;
        for pack in index.take_in(listed) {
            let path = self.directory.pack(pack);
            let file = match File::open(&path) {
                // Somebody has removed it just now.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.attempt("open", &path)?,
            };
            match read_list(file, pack).attempt("read", &path)? {
                Ok(places) => index.add_found(pack, places),
                Err(_) => index.add_damaged(pack, path),
            }
        }
        index.settle(changed, SystemTime::now());
        Ok(())
    }

    /// The text, as far as this process knows where it is.
    fn read(&self, handle: &Handle) -> Result<Option<String>, FileRecallError> {
        let places = self.index().places(handle);
        let mut failure = None;
        for (pack, place) in places {
            match self.read_at(handle, pack, place) {
                Ok(text) => return Ok(Some(text)),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    fn read_at(
        &self,
        handle: &Handle,
        pack: PackName,
        place: Place,
    ) -> Result<String, FileRecallError> {
        let path = self.directory.pack(pack);
        let file = File::open(&path).attempt("open", &path)?;
        let text = read_text(file, place, handle).attempt("read", &path)?;
        text.map_err(|damage| FileRecallError::Damaged { path, damage })
    }

    fn put_missing(&self, missing: &BTreeMap<Handle, &str>) -> Result<(), FileRecallError> {
        // Every pack found before this is durable after the next sync of the directory.
        let found = self.index().not_durable();
        if missing.is_empty() {
            if found.is_some() {
                self.directory.sync()?;
            }
        } else {
            let pack = NewPack::new(missing);
            self.directory.write(&pack)?;
            self.index().add(pack.name, pack.places);
        }
        if let Some(found) = found {
            self.index().made_durable(found);
        }
        Ok(())
    }
}

impl RecallStore for FileRecall {
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
        self.put_all(&[(*handle, Arc::clone(text))])
    }

    /// Writes one file with all those texts that are not kept yet, or not whole any more.
    fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
        let missing = texts
            .iter()
            .map(|(handle, text)| (*handle, &**text))
            .filter(|(handle, text)| !matches!(self.read(handle), Ok(Some(kept)) if kept == *text))
            .collect::<BTreeMap<_, _>>();
        let Some((first, _)) = texts.first() else { return Ok(()) };
        let of = missing.keys().next().unwrap_or(first);
        self.put_missing(&missing).map_err(|error| error.on(*of))
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        if let Ok(Some(text)) = self.read(handle) {
            return Ok(text.into());
        }
        // What is known may be out of date.
        let read = self.refresh().and_then(|()| self.read(handle));
        if let Some(text) = read.map_err(|error| error.on(*handle))? {
            return Ok(text.into());
        }
        self.index().damage().map_err(|error| error.on(*handle))?;
        Err(RecallError::Unknown { handle: *handle })
    }

    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        self.refresh().map_err(|error| error.looking_for(short))?;
        let index = self.index();
        let known = index.handles(short);
        if known.is_empty() {
            index.damage().map_err(|error| error.looking_for(short))?;
        }
        Ok(known)
    }
}
