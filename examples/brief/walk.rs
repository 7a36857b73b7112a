//! Which files there are.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};

/// What is larger is not prose or code that somebody wrote.
const LARGEST: u64 = 1024 * 1024;

/// The paths below a folder, relative to it and in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) paths: Vec<String>,
    pub(crate) skipped: Skipped,
}

/// What was not read, by reason.
pub(crate) type Skipped = BTreeMap<String, Vec<String>>;

/// A file as it is now. A file that has changed is another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    modified_nanos: u128,
    /// So that a file that became readable is another one, too.
    mode: u32,
}

impl File {
    pub(crate) fn key(&self) -> String {
        format!("{} {} {} {:o}", self.path, self.bytes, self.modified_nanos, self.mode)
    }
}

/// Lists the files of a folder, except those that are ignored, hidden or the program's own.
pub(crate) fn walk(root: &Path, own: &[PathBuf]) -> Listing {
    let own: Vec<PathBuf> = own.to_vec();
    let mut listing = Listing::default();
    let walk = WalkBuilder::new(root)
        .require_git(false)
        .sort_by_file_name(std::cmp::Ord::cmp)
        .filter_entry(move |entry| !own.iter().any(|own| own == entry.path()))
        .build();
    for entry in walk {
        match entry {
            Ok(entry) => {
                if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                    continue;
                }
                let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
                match relative.to_str() {
                    Some(path) => listing.paths.push(path.to_owned()),
                    None => skip(
                        &mut listing.skipped,
                        "its name is not UTF-8",
                        relative.to_string_lossy().into_owned(),
                    ),
                }
            }
            Err(error) => skip(&mut listing.skipped, "unreadable", error.to_string()),
        }
    }
    listing
}

/// Looks at each listed file as it is now, and leaves out those that are too large or gone.
pub(crate) fn stat(root: &Path, listing: Listing) -> (Vec<File>, Skipped) {
    let mut skipped = listing.skipped;
    let mut files = Vec::with_capacity(listing.paths.len());
    for path in listing.paths {
        match root.join(&path).symlink_metadata() {
            Ok(metadata) if metadata.len() > LARGEST => skip(&mut skipped, "over 1 MiB", path),
            Ok(metadata) => files.push(File {
                path,
                bytes: metadata.len(),
                modified_nanos: modified(&metadata),
                mode: mode(&metadata),
            }),
            Err(error) => skip(&mut skipped, "unreadable", format!("{path}: {error}")),
        }
    }
    (files, skipped)
}

pub(crate) fn skip(skipped: &mut Skipped, reason: &str, what: String) {
    skipped.entry(reason.to_owned()).or_default().push(what);
}

fn modified(metadata: &Metadata) -> u128 {
    let modified = metadata.modified().ok();
    modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_nanos())
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata)
}

#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().readonly().into()
}
