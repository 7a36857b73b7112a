//! The directory of the packs: what is written in it is whole and durable, or is not seen.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::error::{Attempt, FileRecallError};
use super::pack::{NewPack, PackName};

/// What is being written is named so until it is whole.
const TEMPORARY: &str = "new-";

/// Keeps two writers of this process from trying the same name.
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes it, if there is none, and removes what dead writers left in it, if nobody is writing.
    pub(super) fn open(path: PathBuf) -> Result<Self, FileRecallError> {
        if path.is_dir() {
            sync_found(&path)?;
        } else {
            make(&path)?;
        }
        let directory = Self { path };
        directory.remove_leftovers();
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pack(&self, name: PackName) -> PathBuf {
        self.path.join(name.to_string())
    }

    /// When something in it was last made, renamed or removed.
    pub(super) fn changed(&self) -> Result<SystemTime, FileRecallError> {
        fs::metadata(&self.path).and_then(|found| found.modified()).attempt("look at", &self.path)
    }

    /// The packs there are, in no order.
    pub(super) fn list(&self) -> Result<Vec<PackName>, FileRecallError> {
        let packs = || -> io::Result<Vec<PackName>> {
            let mut packs = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                packs.extend(entry?.file_name().to_str().and_then(PackName::read));
            }
            Ok(packs)
        };
        packs().attempt("list", &self.path)
    }

    /// Writes a pack durably. Nobody sees it before it is whole.
    pub(super) fn write(&self, pack: &NewPack<'_>) -> Result<(), FileRecallError> {
        // Whoever removes leftovers waits for this one, also if it is in another process. The lock
        // ends with the file, so that nobody waits for the dead.
        let lock = self.open_lock()?;
        lock.lock_shared().attempt("lock", &self.lock_path())?;
        let (temporary, file) = self.create_temporary()?;
        let path = self.pack(pack.name);
        let written = pack
            .write(&file)
            .attempt("write", &temporary)
            .and_then(|()| file.sync_all().attempt("sync", &temporary))
            .and_then(|()| fs::rename(&temporary, &path).attempt("put in place", &path));
        if written.is_err() {
            // If this fails too, the first failure says more, and a later opening removes it.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        self.sync()
    }

    /// Makes durable that the packs are there that were listed before.
    pub(super) fn sync(&self) -> Result<(), FileRecallError> {
        sync_dir(&self.path).attempt("sync", &self.path)
    }

    fn create_temporary(&self) -> Result<(PathBuf, File), FileRecallError> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self.path.join(format!("{TEMPORARY}{}-{number}", process::id()));
            match private_file().write(true).create_new(true).open(&path) {
                // Left by a dead process of the same id, or written by one on another machine.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return Ok((path.clone(), made.attempt("create", &path)?)),
            }
        }
    }

    /// Removes what was never finished, unless somebody is writing now: the next opening does it
    /// then. It is in nobody's way, so that a directory that can only be read is as good.
    fn remove_leftovers(&self) {
        let Ok(names) = fs::read_dir(&self.path) else { return };
        let mut names = names.flatten().map(|entry| entry.file_name());
        if !names.any(|name| is_temporary(&name)) {
            return;
        }
        let Ok(lock) = self.open_lock() else { return };
        if lock.try_lock().is_err() {
            return;
        }
        // Only what there is now that nobody writes was left behind.
        let Ok(names) = fs::read_dir(&self.path) else { return };
        for name in names.flatten().map(|entry| entry.file_name()).filter(|name| is_temporary(name))
        {
            let _ = fs::remove_file(self.path.join(name));
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    fn open_lock(&self) -> Result<File, FileRecallError> {
        let path = self.lock_path();
        private_file().write(true).create(true).truncate(false).open(&path).attempt("open", &path)
    }
}

/// Only what a writer names so: a directory may hold files of others, such as `new-report.txt`.
fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    name.to_str()
        .and_then(|name| name.strip_prefix(TEMPORARY)?.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// Makes a directory and those above it, and their entries durable.
fn make(path: &Path) -> Result<(), FileRecallError> {
    let above = above(path);
    if !above.is_dir() && above != path {
        make(above)?;
    }
    match private_dir().create(path) {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made.attempt("create the directory", path)?,
    }
    sync_dir(above).attempt("sync", above)
}

/// Makes the entry of a directory durable that somebody else made, perhaps a process like this one,
/// which was killed before it could.
fn sync_found(path: &Path) -> Result<(), FileRecallError> {
    match sync_dir(above(path)) {
        // Who may make directories there can, as a rule, open it, so this one is somebody else's.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced.attempt("sync", above(path)),
    }
}

/// The directory that has the entry of `path`.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere the entries of a directory cannot be synced by themselves.
#[cfg(not(unix))]
fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on Unix only"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_dir() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on Unix only"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_not_removed_as_leftovers() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let others = ["new-report.txt", "new-1", "new-1-", "new--1", "new-1-2.txt", "new-1-2-3"];
        for name in others.into_iter().chain(["new-1-2"]) {
            fs::write(path(name), "theirs").unwrap();
        }
        Directory::open(root.path().to_owned()).unwrap();
        assert!(!path("new-1-2").exists(), "what a dead writer left is still there");
        for name in others {
            assert!(path(name).exists(), "{name} was removed");
        }
    }

    #[test]
    fn a_name_that_is_taken_by_the_dead_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::open(root.path().to_owned()).unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        let taken = (next..next + 10)
            .map(|number| root.path().join(format!("{TEMPORARY}{}-{number}", process::id())));
        let taken: Vec<_> = taken.inspect(|path| fs::write(path, "theirs").unwrap()).collect();
        let (path, _) = directory.create_temporary().unwrap();
        assert!(!taken.contains(&path));
        assert!(taken.iter().all(|path| fs::read(path).unwrap() == b"theirs"));
    }
}
