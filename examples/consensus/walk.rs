//! The folder that is judged.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;
use maniple::core::{Digest, Source};
use serde::{Serialize, Serializer};

use crate::language::{folder_of, name};

/// What is larger is not code that somebody wrote.
const LARGEST: u64 = 1024 * 1024;

/// What every judge is asked about: one list of files, which they share. It is journaled as the digest
/// of the list, so that a folder that has changed is another question.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) root: Arc<Path>,
    pub(crate) files: Arc<[File]>,
    digest: Digest,
}

/// A file as it was when the folder was walked.
#[derive(Debug, Serialize)]
pub(crate) struct File {
    /// Below the folder.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    modified_nanos: u128,
}

/// The folder, and what was left out of it.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) folder: Folder,
    /// What could not be listed, with why.
    pub(crate) unreadable: Vec<String>,
    /// How many files were too large, or have names that are not UTF-8.
    pub(crate) left_out: u64,
}

impl Folder {
    /// Names this folder, as it is now, in a session.
    pub(crate) fn name(&self) -> String {
        self.digest.to_string()
    }

    /// The folders in it that have a file of this name.
    pub(crate) fn folders_with(&self, file: &str) -> BTreeSet<&str> {
        let paths = self.files.iter().map(|file| file.path.as_str());
        paths.filter(|path| name(path) == file).map(folder_of).collect()
    }
}

impl Serialize for Folder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

/// Lists the regular files of a folder, except those that are ignored, hidden or the program's own.
/// Nothing is opened. It blocks its thread.
pub(crate) fn walk(root: &Path, own: Option<&Path>) -> Result<Walked, Source> {
    let own: Option<PathBuf> = own.map(Path::to_owned);
    let (mut files, mut unreadable, mut left_out) = (Vec::new(), Vec::new(), 0);
    let walk = WalkBuilder::new(root)
        .require_git(false)
        .sort_by_file_name(std::cmp::Ord::cmp)
        .filter_entry(move |entry| own.as_deref() != Some(entry.path()))
        .build();
    for entry in walk {
        let looked_at = entry.and_then(|entry| {
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            let metadata = is_file.then(|| entry.metadata()).transpose()?;
            Ok(metadata.map(|metadata| (entry.into_path(), metadata)))
        });
        match looked_at {
            Ok(None) => {}
            Ok(Some((path, metadata))) => match path.strip_prefix(root).unwrap_or(&path).to_str() {
                Some(path) if metadata.len() <= LARGEST => files.push(File {
                    path: path.to_owned(),
                    bytes: metadata.len(),
                    modified_nanos: modified(&metadata),
                }),
                _ => left_out += 1,
            },
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    let digest = Digest::of(&files)?;
    let folder = Folder { root: root.into(), files: files.into(), digest };
    Ok(Walked { folder, unreadable, left_out })
}

fn modified(metadata: &Metadata) -> u128 {
    let modified = metadata.modified().ok();
    modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_nanos())
}
