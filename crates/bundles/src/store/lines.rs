use std::collections::BTreeSet;
use std::path::Path;

use crate::format::{BlobId, Frame, OPEN, Record, read_record};

/// A line of a log, without its end.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    seq: u64,
    bytes: &'a [u8],
    path: &'a Path,
    number: u64,
    offset: u64,
}

impl<'a> Line<'a> {
    /// A line that is kept under this number, in a store that knows no other place.
    pub fn new(seq: u64, bytes: &'a [u8], path: &'a Path) -> Self {
        Self { seq, bytes, path, number: seq.saturating_add(1), offset: 0 }
    }

    /// Says where in a file it stands: as which line, from 1, and at which byte.
    #[must_use]
    pub fn at(self, number: u64, offset: u64) -> Self {
        Self { number, offset, ..self }
    }

    /// The number of the action, or of the last action that it stands for.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// What it says.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

/// Lines that are written together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    bytes: Vec<u8>,
    /// The number of each line, and where it ends, behind its line end.
    ends: Vec<(u64, usize)>,
}

impl Lines {
    /// Adds a line, which `write` writes with its end.
    pub(crate) fn push<T>(&mut self, seq: u64, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let written = write(&mut self.bytes);
        debug_assert!(self.bytes.starts_with(OPEN) && self.bytes.ends_with(b"\n"));
        self.ends.push((seq, self.bytes.len()));
        written
    }

    /// Adds a line that was read from a log.
    pub(crate) fn push_line(&mut self, line: Line<'_>) {
        self.push(line.seq, |out| {
            out.extend_from_slice(line.bytes);
            out.push(b'\n');
        });
    }

    pub(crate) fn clear(&mut self, keep_bytes: usize) {
        self.bytes.clear();
        self.ends.clear();
        // One long line must not keep its memory for good.
        self.bytes.shrink_to(keep_bytes);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them, each with a line end behind it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each of them with its number, without the line end.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = &self.bytes[..];
        let mut begin = 0;
        self.ends.iter().map(move |&(seq, end)| {
            let (line, behind) = rest.split_at(end - begin);
            (begin, rest) = (end, behind);
            (seq, line.strip_suffix(b"\n").unwrap_or(line))
        })
    }

    /// The blobs that they need.
    pub fn blobs(&self) -> BTreeSet<BlobId> {
        self.iter().flat_map(|(_, line)| blobs_of(line)).collect()
    }

    /// The last of them with its number, without the line end.
    pub fn last(&self) -> Option<(u64, &[u8])> {
        let (seq, end) = *self.ends.last()?;
        let begin = self.ends.iter().rev().nth(1).map_or(0, |(_, end)| *end);
        Some((seq, self.bytes.get(begin..end - 1)?))
    }
}

/// The number in a line that has the form of one.
pub(crate) fn seq_of(line: &[u8]) -> Option<u64> {
    Frame::read(line)?.seq()
}

/// The blobs that an intact line needs.
pub(crate) fn blobs_of(line: &[u8]) -> Vec<BlobId> {
    let record = Frame::read(line).and_then(|frame| read_record(frame.body).ok());
    match record {
        Some((_, Record::Action(action))) => action.blobs().collect(),
        _ => Vec::new(),
    }
}
