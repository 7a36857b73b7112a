use std::io::ErrorKind;
use std::path::Path;

use super::chunk::Chunk;
use super::files;
use super::place::{ChunkName, Place};
use crate::error::{Attempt, BundleError, Damage};
use crate::format::BlobId;
use crate::session::Header;
use crate::store::{Document, SessionReader, Visit};

/// The longest document.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024 * 1024;

/// How often a log is looked at again whose chunks are being merged.
const TRIES: usize = 10;

/// A session in files that is read.
#[derive(Debug)]
pub(super) struct FileReader {
    place: Place,
    header: Header,
}

/// Where the lines end that may be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Where the last chunk has its last intact line.
    Intact,
    /// There, in the chunk of that name: it is written by whoever reads.
    Byte(ChunkName, u64),
}

impl FileReader {
    pub(super) fn new(place: Place, header: Header) -> Self {
        Self { place, header }
    }
}

impl SessionReader for FileReader {
    fn document(&self, document: Document) -> Result<Option<Vec<u8>>, BundleError> {
        read_document(&self.place, document)
    }

    fn lines(&self, from: u64, visit: &mut Visit<'_>) -> Result<(), BundleError> {
        read_lines(&self.place, &self.header, Until::Intact, from, visit)
    }

    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
        read_blob(&self.place, id)
    }

    fn location(&self) -> &Path {
        self.place.dir()
    }
}

pub(super) fn read_document(
    place: &Place,
    document: Document,
) -> Result<Option<Vec<u8>>, BundleError> {
    read_if_any(place, &place.document(document), MAX_DOCUMENT_BYTES)
}

pub(super) fn read_blob(place: &Place, id: BlobId) -> Result<Option<Vec<u8>>, BundleError> {
    files::require_dir_if_any(place.disk(), &place.blobs())?;
    read_if_any(place, &place.blob(id), crate::format::MAX_ACTION_BYTES)
}

/// Shows the lines from `from` on.
pub(super) fn read_lines(
    place: &Place,
    header: &Header,
    until: Until,
    from: u64,
    visit: &mut Visit<'_>,
) -> Result<(), BundleError> {
    let mut next = from;
    for _ in 0..TRIES {
        match read_chunks(place, header, until, &mut next, visit)? {
            Pass::Whole => return Ok(()),
            Pass::Changed => {}
        }
    }
    Err(BundleError::Busy { path: place.dir().to_owned() })
}

enum Pass {
    Whole,
    /// A chunk was gone when it was to be read, because it was merged into another.
    Changed,
}

fn read_chunks(
    place: &Place,
    header: &Header,
    until: Until,
    next: &mut u64,
    visit: &mut Visit<'_>,
) -> Result<Pass, BundleError> {
    let names = chunk_names(place)?;
    // The last chunk that begins there or before has the line that comes next.
    let first = names.iter().rposition(|name| name.first() <= *next).unwrap_or(0);
    let mut covered = names.get(first).map_or(0, |name| name.first());
    for (at, &name) in names.iter().enumerate().skip(first) {
        let is_last = at + 1 == names.len();
        let Some(chunk) = read_chunk(place, name)? else { return Ok(Pass::Changed) };
        if name.first() != covered {
            return Err(
                chunk.damaged(0, Damage::OutOfSequence { expected: covered, found: name.first() })
            );
        }
        let end = match until {
            Until::Byte(open, end) if open == name => usize::try_from(end).unwrap_or(usize::MAX),
            _ => match chunk.sealed_at() {
                Some(end) => end,
                None if name == ChunkName::Schema0 && !is_last => chunk.len(),
                None => {
                    let tail = chunk.tail(header)?;
                    // Of a chunk that is not the last, only the seal may have been lost.
                    if !is_last && names.get(at + 1).map(|name| name.first()) != Some(tail.actions)
                    {
                        return Err(chunk.damaged(tail.end, Damage::Missing));
                    }
                    tail.end
                }
            },
        };
        if end > chunk.len() {
            return Err(chunk.damaged(chunk.len(), Damage::Missing));
        }
        let read = chunk.lines(end, *next, &mut |line| {
            let go_on = visit(line)?;
            *next = line.seq().saturating_add(1);
            Ok(go_on)
        })?;
        match read {
            Some(next) => covered = next,
            None => return Ok(Pass::Whole),
        }
    }
    Ok(Pass::Whole)
}

/// The chunks, in their order.
pub(super) fn chunk_names(place: &Place) -> Result<Vec<ChunkName>, BundleError> {
    all_chunk_names(place).map(|(names, _)| names)
}

/// The chunks, in their order, and those that others were put in place of.
pub(super) fn all_chunk_names(
    place: &Place,
) -> Result<(Vec<ChunkName>, Vec<ChunkName>), BundleError> {
    let names = place.disk().list(place.dir()).attempt("list", place.dir())?;
    let mut all: Vec<_> = names.iter().filter_map(|name| ChunkName::read(name)).collect();
    all.sort_unstable_by_key(|name| name.first());
    let is_replaced = |name: &ChunkName| all.iter().any(|other| other.replaces(*name));
    let (replaced, names) = all.iter().partition(|name| is_replaced(name));
    Ok((names, replaced))
}

/// Reads a chunk; `None` if there is none.
pub(super) fn read_chunk(place: &Place, name: ChunkName) -> Result<Option<Chunk>, BundleError> {
    let bytes = read_if_any(place, &place.chunk(name), usize::MAX)?;
    bytes.map(|bytes| Chunk::new(place, name, bytes)).transpose()
}

fn read_if_any(place: &Place, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, BundleError> {
    match files::read(place.disk(), path, limit) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => {
            Err(BundleError::LineTooLong { path: path.to_owned(), line: 1, offset: 0, limit })
        }
        Err(BundleError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
