//! The paths that a program is given.

use std::io;
use std::path::{Path, PathBuf};

/// Why a folder that was given cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("cannot read the folder {}: {source}", folder.display())]
    Missing { folder: PathBuf, source: io::Error },
    #[error("{} is a file: give the folder that it is in", folder.display())]
    File { folder: PathBuf },
}

/// The absolute path of a folder that is there.
pub(crate) fn folder(given: &Path) -> Result<PathBuf, FolderError> {
    let folder = || given.to_owned();
    let root =
        given.canonicalize().map_err(|source| FolderError::Missing { folder: folder(), source })?;
    if root.is_dir() { Ok(root) } else { Err(FolderError::File { folder: folder() }) }
}

/// The absolute path of something that may not exist yet.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (folder_of(path).canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
