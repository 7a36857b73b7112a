//! Files and directories that only their owner can read, and that are there after a power loss.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::error::{Attempt, BundleError};

/// Makes a directory and those above it, and their entries durable.
pub(super) fn make_dir(dir: &Path) -> Result<(), BundleError> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    make_dir(above(dir))?;
    match private_dir().create(dir) {
        // Another process may have been faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.attempt("create the directory", dir),
    }?;
    sync_entry(dir)
}

/// The directory that has the entry of `path`.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

/// Opens a file to read and write it, and makes an empty one where there is none.
pub(super) fn open_or_create(path: &Path, attempt: &'static str) -> Result<File, BundleError> {
    match private_file().read(true).write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => open_existing(path, attempt),
        made => made.attempt(attempt, path),
    }
}

/// Opens a regular file to read and write it.
pub(super) fn open_existing(path: &Path, attempt: &'static str) -> Result<File, BundleError> {
    require_file(path, attempt)?;
    OpenOptions::new().read(true).write(true).open(path).attempt(attempt, path)
}

/// Reads a regular file of at most `limit` bytes; `None` if it is longer.
pub(super) fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, BundleError> {
    require_file(path, "read")?;
    let file = File::open(path).attempt("open", path)?;
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(one_more).read_to_end(&mut bytes).attempt("read", path)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Puts a file in place whole, or not at all.
///
/// `temporary` is beside it, and belongs to the caller alone.
pub(super) fn write_atomically(
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
) -> Result<(), BundleError> {
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).attempt("remove", temporary);
        }
        _ => {}
    }
    let written =
        private_file().write(true).create_new(true).open(temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    written.attempt("write", temporary)?;
    std::fs::rename(temporary, path).attempt("put in place", path)?;
    sync_entry(path)
}

/// Makes the entry of `path` in the directory above it durable.
pub(super) fn sync_entry(path: &Path) -> Result<(), BundleError> {
    sync_dir(above(path))
}

/// Whether there is anything at this path; a broken link counts.
pub(super) fn exists(path: &Path) -> Result<bool, BundleError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error).attempt("look for", path),
    }
}

/// Makes the entries of a directory durable.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> Result<(), BundleError> {
    File::open(dir).and_then(|dir| dir.sync_all()).attempt("sync the directory", dir)
}

/// Elsewhere the entries of a directory cannot be synced by themselves.
#[cfg(not(unix))]
pub(super) fn sync_dir(_dir: &Path) -> Result<(), BundleError> {
    Ok(())
}

fn require_file(path: &Path, attempt: &'static str) -> Result<(), BundleError> {
    if path.symlink_metadata().attempt(attempt, path)?.is_file() {
        Ok(())
    } else {
        Err(BundleError::NotAFile { path: path.to_owned() })
    }
}

fn private_file() -> OpenOptions {
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
