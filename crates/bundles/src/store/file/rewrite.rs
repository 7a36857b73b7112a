//! Chunks that are put in place of others, and what is removed.

use std::io::ErrorKind;

use super::FileStore;
use super::broken::Rule;
use super::chunk::Chunk;
use super::files;
use super::lock::Lock;
use super::marks::{Begin, write_seal};
use super::open_chunk::{CHUNK_BYTES, length};
use super::place::{ChunkName, Place};
use super::reader::{all_chunk_names, chunk_names, read_chunk};
use crate::error::{Attempt, BundleError};
use crate::format::{BlobId, Frame, SCHEMA};
use crate::store::lines::seq_of;
use crate::store::{Document, Lines};

/// With how many chunks a session is opened before small ones are merged.
const MANY_CHUNKS: usize = if cfg!(test) { 5 } else { 64 };

/// Puts one sealed chunk in place of all. The caller is the only writer, and none is open.
pub(super) fn replace_all(place: &Place, begin: Begin, lines: &Lines) -> Result<(), BundleError> {
    let names = chunk_names(place)?;
    replace(place, begin, lines.as_bytes(), &names)?;
    let needed = lines.blobs();
    remove_blobs(place, |id| !needed.contains(&id)).map(drop)
}

/// Merges neighbours that make no more than one chunk together, where a session has many chunks.
pub(super) fn merge_if_many(place: &Place) -> Result<(), BundleError> {
    let names = chunk_names(place)?;
    if names.len() < MANY_CHUNKS { Ok(()) } else { merge(place, &names) }
}

/// Merges neighbours that make no more than one chunk together. All are sealed.
pub(super) fn merge(place: &Place, names: &[ChunkName]) -> Result<(), BundleError> {
    let mut run: Option<(Begin, Vec<u8>, Vec<ChunkName>)> = None;
    for &name in names {
        let chunk = read_chunk(place, name)?.filter(|chunk| chunk.sealed_at().is_some());
        let Some((begin, lines)) = chunk.as_ref().and_then(sealed_lines) else {
            finish(place, run.take())?;
            continue;
        };
        match &mut run {
            Some((_, bytes, merged)) if length(bytes) + length(lines) <= CHUNK_BYTES => {
                bytes.extend_from_slice(lines);
                merged.push(name);
            }
            _ => finish(place, run.replace((begin, lines.to_vec(), vec![name])))?,
        }
    }
    finish(place, run)
}

fn finish(place: &Place, run: Option<(Begin, Vec<u8>, Vec<ChunkName>)>) -> Result<(), BundleError> {
    match run {
        Some((begin, lines, names)) if names.len() > 1 => replace(place, begin, &lines, &names),
        _ => Ok(()),
    }
}

/// How a sealed chunk begins, and its lines.
fn sealed_lines(chunk: &Chunk) -> Option<(Begin, &[u8])> {
    Some((chunk.begin()?, chunk.bytes().get(chunk.first_at()..chunk.sealed_at()?)?))
}

/// Puts a sealed chunk with these lines in place of the chunks of these names, of which the first
/// begins where it does.
fn replace(
    place: &Place,
    begin: Begin,
    lines: &[u8],
    names: &[ChunkName],
) -> Result<(), BundleError> {
    let begin = Begin { schema: SCHEMA, preallocated: false, ..begin };
    let mut bytes = Vec::with_capacity(lines.len() + 1024);
    begin.write(&mut bytes);
    bytes.extend_from_slice(lines);
    let last = lines.strip_suffix(b"\n").unwrap_or(lines);
    let last =
        last.get(memchr::memrchr(b'\n', last).map_or(0, |end| end + 1)..).unwrap_or_default();
    let next = seq_of(last).map_or(begin.seq, |seq| seq.saturating_add(1));
    let head = Frame::read(last).and_then(|frame| frame.stated_head()).unwrap_or(begin.after);
    write_seal(&mut bytes, next, &head);
    let name = ChunkName::Instead(begin.seq, next);
    files::replace(place.disk(), &place.chunk(name), &place.temporary(), &bytes)?;
    if !Rule::ReplacingBeforeRemoving.is_broken() {
        files::sync_dir(place.disk(), place.dir())?;
    }
    for &other in names.iter().filter(|other| **other != name) {
        files::remove_if_any(place.disk(), &place.chunk(other))?;
    }
    files::sync_dir(place.disk(), place.dir())
}

/// Removes the chunks that others were put in place of, where that was cut short.
pub(super) fn finish_replacing(place: &Place) -> Result<(), BundleError> {
    let (names, replaced) = all_chunk_names(place)?;
    for name in names {
        let is_in_place_of = |other: &&ChunkName| name.replaces(**other);
        if !replaced.iter().any(|other| is_in_place_of(&other)) {
            continue;
        }
        let Some(chunk) = read_chunk(place, name)?.filter(|chunk| chunk.sealed_at().is_some())
        else {
            continue;
        };
        if !Rule::ReplacingIsWrittenAgain.is_broken() {
            // That it is seen does not mean that it is on the disk.
            let (path, temporary) = (chunk.path(), place.temporary());
            files::write_atomically(place.disk(), path, &temporary, chunk.bytes())?;
        }
        for &other in replaced.iter().filter(is_in_place_of) {
            files::remove_if_any(place.disk(), &place.chunk(other))?;
        }
    }
    Ok(())
}

/// Removes blobs, durably, and returns how many bytes they had.
fn remove_blobs(
    place: &Place,
    mut is_to_go: impl FnMut(BlobId) -> bool,
) -> Result<u64, BundleError> {
    let dir = place.blobs();
    files::require_dir_if_any(place.disk(), &dir)?;
    let names = match place.disk().list(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        names => names.attempt("list", &dir)?,
    };
    let mut removed = 0;
    for id in names.iter().filter_map(|name| name.parse().ok()).filter(|id| is_to_go(*id)) {
        removed += remove_counted(place, &place.blob(id))?;
    }
    if removed > 0 && !Rule::RemovalsAreSynced.is_broken() {
        files::sync_dir(place.disk(), &dir)?;
    }
    Ok(removed)
}

fn remove_counted(place: &Place, path: &std::path::Path) -> Result<u64, BundleError> {
    let bytes = match place.disk().open(path, crate::disk::Access::Read) {
        Ok(mut file) => file.len().attempt("look at", path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).attempt("open", path),
    };
    files::remove_if_any(place.disk(), path)?;
    Ok(bytes)
}

impl FileStore {
    /// Removes everything of a session that has a tombstone, but that.
    pub(super) fn clear(place: &Place) -> Result<u64, BundleError> {
        let mut removed = remove_blobs(place, |_| true)?;
        files::remove_dir_if_empty(place.disk(), &place.blobs())?;
        let (names, replaced) = all_chunk_names(place)?;
        for name in names.into_iter().chain(replaced) {
            removed += remove_counted(place, &place.chunk(name))?;
        }
        for document in [Document::Snapshot, Document::Card, Document::Header] {
            removed += remove_counted(place, &place.document(document))?;
        }
        removed += remove_counted(place, &place.temporary())?;
        files::sync_dir(place.disk(), place.dir())?;
        Ok(removed)
    }

    /// What [`collect_garbage`](crate::BundleStore::collect_garbage) does with the directory of a
    /// session that is not deleted.
    ///
    /// A session that anybody can open is locked only where a writer has left something, because
    /// whoever opens it meanwhile would be told that it is open.
    pub(super) fn collect(place: &Place) -> Result<u64, BundleError> {
        let is_begun = files::exists(place.disk(), &place.document(Document::Header))?
            || !chunk_names(place)?.is_empty();
        if is_begun && !files::exists(place.disk(), &place.temporary())? {
            return Ok(0);
        }
        // What is open is not garbage.
        let _lock = match Lock::take(place) {
            Err(BundleError::OpenElsewhere { .. }) => return Ok(0),
            lock => lock?,
        };
        let mut removed = remove_counted(place, &place.temporary())?;
        if !is_begun {
            // Its creation was cut short.
            removed += remove_counted(place, &place.epoch())?;
            removed += remove_counted(place, &place.lock())?;
            files::remove_dir_if_empty(place.disk(), place.dir())?;
            files::sync_entry(place.disk(), place.dir())?;
        }
        Ok(removed)
    }
}
