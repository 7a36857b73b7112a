//! Files and directories that are there after a power loss.

use std::io::{ErrorKind, Read};
use std::path::Path;

use super::broken::Rule;
use crate::disk::{Access, Disk, DiskFile, Reader, write_all_at};
use crate::error::{Attempt, BundleError};

/// Makes a directory and those above it, and their entries durable.
pub(super) fn make_dir(disk: &dyn Disk, dir: &Path) -> Result<(), BundleError> {
    if dir.as_os_str().is_empty() {
        return Ok(());
    }
    if disk.is_dir(dir) {
        return sync_found(disk, dir);
    }
    // If the root or the current directory cannot be looked at, the system says why below.
    if has_above(dir) {
        make_dir(disk, above(dir))?;
    }
    match disk.make_dir(dir) {
        // Another process may have been faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && disk.is_dir(dir) => Ok(()),
        made => made.attempt("create the directory", dir),
    }?;
    or_unmake(disk, dir, sync_entry(disk, dir))
}

/// Removes a directory whose entry could not be synced, if it is empty: a later sync would say that
/// it is durable, and need not write it, so it is to be made anew.
fn or_unmake(
    disk: &dyn Disk,
    dir: &Path,
    synced: Result<(), BundleError>,
) -> Result<(), BundleError> {
    if synced.is_err() && !Rule::DirectoriesAreMadeAgain.is_broken() {
        // If this fails too, the first failure says more.
        let _ = disk.remove_dir(dir);
    }
    synced
}

/// Makes the entry of a directory durable that somebody else made, perhaps one like this process,
/// which was killed before it could.
fn sync_found(disk: &dyn Disk, dir: &Path) -> Result<(), BundleError> {
    if !has_above(dir) {
        return Ok(());
    }
    match disk.sync_dir(above(dir)) {
        // Who may make directories there can, as a rule, open it, so this one is somebody else's.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => or_unmake(disk, dir, synced.attempt("sync the directory", above(dir))),
    }
}

/// Whether there is a directory above, other than this one.
fn has_above(dir: &Path) -> bool {
    dir.parent().is_some() && above(dir) != dir
}

/// The directory that has the entry of `path`.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

/// Opens a file to read and write it, and makes an empty one where there is none.
pub(super) fn open_or_create(
    disk: &dyn Disk,
    path: &Path,
    attempt: &'static str,
) -> Result<Box<dyn DiskFile>, BundleError> {
    match disk.open(path, Access::CreateNew) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            open_existing(disk, path, attempt)
        }
        made => made.attempt(attempt, path),
    }
}

/// Opens a regular file to read and write it.
pub(super) fn open_existing(
    disk: &dyn Disk,
    path: &Path,
    attempt: &'static str,
) -> Result<Box<dyn DiskFile>, BundleError> {
    require_file(disk, path, attempt)?;
    disk.open(path, Access::Write).attempt(attempt, path)
}

/// Reads a regular file of at most `limit` bytes; `None` if it is longer.
pub(super) fn read(
    disk: &dyn Disk,
    path: &Path,
    limit: usize,
) -> Result<Option<Vec<u8>>, BundleError> {
    require_file(disk, path, "read")?;
    let file = disk.open(path, Access::Read).attempt("open", path)?;
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    Reader::new(file).take(one_more).read_to_end(&mut bytes).attempt("read", path)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Puts a file in place whole, or not at all.
///
/// `temporary` is beside it, and belongs to the caller alone.
pub(super) fn write_atomically(
    disk: &dyn Disk,
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
) -> Result<(), BundleError> {
    replace(disk, path, temporary, bytes)?;
    sync_entry(disk, path)
}

/// Puts a file in place whole. Until its entry is synced, a power loss leaves it or the one before.
pub(super) fn replace(
    disk: &dyn Disk,
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
) -> Result<(), BundleError> {
    write_new(disk, temporary, bytes)?.sync_all().attempt("sync", temporary)?;
    disk.rename(temporary, path).attempt("put in place", path)
}

/// Puts a file in place whole. It is not durable, nor is its entry.
pub(super) fn put(
    disk: &dyn Disk,
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
) -> Result<(), BundleError> {
    write_new(disk, temporary, bytes)?;
    disk.rename(temporary, path).attempt("put in place", path)
}

/// Writes over a file, or makes it. Whoever reads meanwhile may see a part of it, and so may a crash.
pub(super) fn overwrite(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    let mut file = open_or_create(disk, path, "open")?;
    write_all_at(&mut *file, 0, bytes).attempt("write", path)?;
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if file.len().attempt("look at", path)? > len {
        file.set_len(len).attempt("cut", path)?;
    }
    Ok(())
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Box<dyn DiskFile>, BundleError> {
    let mut file = match disk.open(path, Access::CreateNew) {
        // What somebody left here who was killed.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove_if_any(disk, path)?;
            disk.open(path, Access::CreateNew)
        }
        made => made,
    }
    .attempt("create", path)?;
    write_all_at(&mut *file, 0, bytes).attempt("write", path)?;
    Ok(file)
}

/// Removes a file, if there is one.
pub(super) fn remove_if_any(disk: &dyn Disk, path: &Path) -> Result<(), BundleError> {
    match disk.remove(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.attempt("remove", path),
    }
}

/// Removes a directory, if there is one and nothing is in it. What somebody else put there stays, and
/// keeps nothing else from being removed.
pub(super) fn remove_dir_if_empty(disk: &dyn Disk, dir: &Path) -> Result<(), BundleError> {
    match disk.remove_dir(dir) {
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) =>
        {
            Ok(())
        }
        removed => removed.attempt("remove", dir),
    }
}

/// Makes the entry of `path` in the directory above it durable.
pub(super) fn sync_entry(disk: &dyn Disk, path: &Path) -> Result<(), BundleError> {
    sync_dir(disk, above(path))
}

/// Makes the entries of a directory durable.
pub(super) fn sync_dir(disk: &dyn Disk, dir: &Path) -> Result<(), BundleError> {
    disk.sync_dir(dir).attempt("sync the directory", dir)
}

/// Whether there is anything at this path; a broken link counts.
pub(super) fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, BundleError> {
    match disk.is_file(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error).attempt("look for", path),
    }
}

/// Refuses whatever is no directory where one belongs, if there is anything. A link to a directory is
/// none: what is kept for a session stays in its own.
pub(super) fn require_dir_if_any(disk: &dyn Disk, dir: &Path) -> Result<(), BundleError> {
    match disk.is_own_dir(dir) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BundleError::NotADirectory { path: dir.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).attempt("look for", dir),
    }
}

fn require_file(disk: &dyn Disk, path: &Path, attempt: &'static str) -> Result<(), BundleError> {
    if disk.is_file(path).attempt(attempt, path)? {
        Ok(())
    } else {
        Err(BundleError::NotAFile { path: path.to_owned() })
    }
}
