//! What a writer does before it writes: the log that a crash left is made whole.

use super::broken::Rule;
use serde::Deserialize;

use super::chunk::{Chunk, Tail};
use super::files;
use super::open_chunk::{Failure, OpenChunk, count};
use super::place::{ChunkName, Place};
use super::reader::{chunk_names, read_blob, read_chunk, read_document};
use super::rewrite::finish_replacing;
use crate::disk::write_all_at;
use crate::error::{Attempt, BundleError, Damage};
use crate::format::{self, BlobId, Frame};
use crate::session::{Card, Header};
use crate::store::lines::blobs_of;
use crate::store::{Document, Recovery};

/// What was found, and is durable.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) last: Option<(u64, Vec<u8>)>,
    pub(super) recovery: Option<Recovery>,
}

/// Seals the last chunk if it is not: the torn tail goes, and what may not be on the disk is
/// written again.
pub(super) fn recover(place: &Place, header: &Header) -> Result<Recovered, BundleError> {
    finish_replacing(place)?;
    let mut names = chunk_names(place)?;
    let (mut recovery, mut last) = (None, None);
    if names.is_empty() && !Rule::HeaderIsWrittenAgain.is_broken() {
        write_header_again(place)?;
    }
    if let Some(&name) = names.last() {
        let chunk = require(place, name)?;
        if name == ChunkName::Schema0 {
            let tail = chunk.tail(header)?;
            recovery = recover_schema_0(place, &chunk, &tail)?;
            last = chunk.last_line(tail.end)?;
        } else if let Some(end) = chunk.sealed_at() {
            seal_again(place, &chunk, end)?;
            last = chunk.last_line(end)?;
        } else {
            let whole = chunk.tail(header)?;
            let tail = match whole {
                whole if Rule::BlobsAreLookedFor.is_broken() => whole,
                whole => require_blobs(place, &chunk, whole)?,
            };
            require_durable(place, &chunk, &tail)?;
            if tail.torn_bytes > 0 {
                let erased_bytes = count(tail.torn_bytes);
                recovery = Some(Recovery { seq: tail.actions, erased_bytes });
            }
            if tail.last_at.is_none() {
                // The next chunk has its name.
                files::remove_if_any(place.disk(), chunk.path())?;
                names.pop();
            } else {
                seal(place, &chunk, &tail)?;
                last = chunk.last_line(tail.end)?;
            }
        }
    }
    // The entries of all files, and the session's own.
    files::sync_dir(place.disk(), place.dir())?;
    files::sync_entry(place.disk(), place.dir())?;
    if last.is_none() {
        // The last chunk has no line.
        last = last_line(place, &names)?;
    }
    Ok(Recovered { last, recovery })
}

fn require(place: &Place, name: ChunkName) -> Result<Chunk, BundleError> {
    let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let chunk = read_chunk(place, name)?;
    chunk.ok_or_else(gone).attempt("read", &place.chunk(name))
}

/// Refuses a log that ends before what is known to have been durable, or a snapshot of a later
/// schema, before anything is erased.
fn require_durable(place: &Place, chunk: &Chunk, tail: &Tail) -> Result<(), BundleError> {
    #[derive(Deserialize)]
    struct Snapshot {
        actions: u64,
    }
    let closed_at = read_document(place, Document::Card)?.map_or(0, |card| Card::closed_at(&card));
    let kind = Document::Snapshot;
    let snapshot = read_document(place, kind)?
        .map(|bytes| format::read_document::<Snapshot>(kind, &bytes, &place.document(kind)));
    let snapshot_at = match snapshot {
        Some(Err(newer @ BundleError::NewerSchema { .. })) => return Err(newer),
        Some(Ok(snapshot)) => snapshot.actions,
        // A damaged one says nothing that the log does not.
        Some(Err(_)) | None => 0,
    };
    if closed_at.max(snapshot_at) > tail.actions {
        return Err(chunk.damaged(tail.end, Damage::Missing));
    }
    Ok(())
}

/// The last line of the log.
fn last_line(place: &Place, names: &[ChunkName]) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
    for &name in names.iter().rev() {
        let chunk = require(place, name)?;
        let end = chunk.sealed_at().unwrap_or(chunk.len());
        if let Some(last) = chunk.last_line(end)? {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

/// A crash may have kept lines whose blobs it took, where nothing was synced. The tail ends before
/// those.
fn require_blobs(place: &Place, chunk: &Chunk, whole: Tail) -> Result<Tail, BundleError> {
    let mut tail =
        Tail { end: whole.unsynced_at, last_at: chunk.line_before(whole.unsynced_at), ..whole };
    tail.actions =
        tail.last_at.map_or(chunk.name().first(), |at| chunk.seq_at(at).saturating_add(1));
    let mut is_any = false;
    while tail.end < whole.end {
        let Some(line) = chunk.line_at(tail.end) else { break };
        let mut blobs = Vec::new();
        for id in blobs_of(line) {
            let Some(content) = read_blob(place, id)?.filter(|found| BlobId::of(found) == id)
            else {
                let torn = whole.end - tail.end;
                return Ok(Tail { torn_bytes: whole.torn_bytes + torn, ..tail });
            };
            blobs.push((id, content));
        }
        for (id, content) in blobs {
            is_any = true;
            let (path, temporary) = (place.blob(id), place.temporary());
            files::write_atomically(place.disk(), &path, &temporary, &content)?;
        }
        tail.last_at = Some(tail.end);
        tail.actions = chunk.seq_at(tail.end).saturating_add(1);
        tail.end += line.len() + 1;
    }
    if is_any {
        files::sync_dir(place.disk(), place.dir())?;
    }
    Ok(tail)
}

/// The header is written before there is a chunk, and whoever wrote it may have failed to sync it.
/// That the first chunk is there means that somebody did not.
fn write_header_again(place: &Place) -> Result<(), BundleError> {
    match read_document(place, Document::Header)? {
        Some(header) => {
            let path = place.document(Document::Header);
            files::write_atomically(place.disk(), &path, &place.temporary(), &header)
        }
        None => Ok(()),
    }
}

fn seal(place: &Place, chunk: &Chunk, tail: &Tail) -> Result<(), BundleError> {
    let mut open = OpenChunk::reopen(place, chunk, tail)?;
    let unsynced = chunk.bytes().get(tail.unsynced_at..tail.end).unwrap_or_default();
    let at = count(tail.unsynced_at);
    let last = tail.last_at.and_then(|at| Frame::read(chunk.line_at(at)?)?.stated_head());
    let head = last.expect("there is an intact last line");
    open.write_again(at, unsynced)
        .and_then(|()| open.seal(tail.actions, &head))
        .map_err(Failure::why)
}

/// Writes a seal again, which may not be on the disk although it is seen, and cuts what is behind
/// it. The next chunk must not be begun before.
fn seal_again(place: &Place, chunk: &Chunk, seal_at: usize) -> Result<(), BundleError> {
    let seal_bytes = chunk.line_at(seal_at).unwrap_or_default().len() + 1;
    let (path, end) = (chunk.path(), seal_at + seal_bytes);
    let seal = chunk.bytes().get(seal_at..end).unwrap_or_default();
    let mut file = files::open_existing(place.disk(), path, "open")?;
    if Rule::SealsAreWrittenAgain.is_broken() {
        file.set_len(count(end)).attempt("cut", path)?;
        return file.sync_data().attempt("sync", path);
    }
    write_all_at(&mut *file, count(seal_at), seal).attempt("seal", path)?;
    if end < chunk.len() {
        // A file that is cut must have its seal.
        file.sync_data().attempt("sync", path)?;
    }
    file.set_len(count(end)).attempt("cut", path)?;
    file.sync_data().attempt("sync", path)
}

/// The log of schema 0 is one file that grows, without a seal.
fn recover_schema_0(
    place: &Place,
    chunk: &Chunk,
    tail: &Tail,
) -> Result<Option<Recovery>, BundleError> {
    require_durable(place, chunk, tail)?;
    let path = chunk.path();
    let mut file = files::open_existing(place.disk(), path, "open")?;
    let mut recovery = None;
    if tail.torn_bytes > 0 {
        let end = count(tail.end);
        file.set_len(end).attempt("erase the torn tail of", path)?;
        let erased_bytes = count(tail.torn_bytes);
        recovery = Some(Recovery { seq: tail.actions, erased_bytes });
    }
    file.sync_all().attempt("sync", path)?;
    Ok(recovery)
}
