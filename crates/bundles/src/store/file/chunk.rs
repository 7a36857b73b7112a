use std::path::{Path, PathBuf};

use memchr::{memchr, memrchr};

use super::broken::Rule;
use super::marks::{Begin, is_seal};
use super::place::{ChunkName, Place};
use crate::error::{BundleError, Damage};
use crate::format::{Claims, Frame, SCHEMA, evidence};
use crate::log::{Chain, Flaw};
use crate::session::Header;
use crate::store::lines::seq_of;
use crate::store::{Line, Visit};

/// What a chunk says.
#[derive(Debug)]
pub(super) struct Chunk {
    path: PathBuf,
    name: ChunkName,
    bytes: Vec<u8>,
    begin: Option<Begin>,
    /// Where its first line begins.
    first_at: usize,
}

/// How far a chunk that is not sealed is intact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// Where the next line is to be written.
    pub(super) end: usize,
    /// The number of the next action.
    pub(super) actions: u64,
    /// Where the first line begins that was perhaps never synced.
    pub(super) unsynced_at: usize,
    /// Where the last line begins, if there is one.
    pub(super) last_at: Option<usize>,
    /// How many bytes of a torn write are behind it.
    pub(super) torn_bytes: usize,
}

impl Chunk {
    /// Takes what a chunk says, and reads how it begins.
    pub(super) fn new(place: &Place, name: ChunkName, bytes: Vec<u8>) -> Result<Self, BundleError> {
        let mut chunk = Self { path: place.chunk(name), name, bytes, begin: None, first_at: 0 };
        if name == ChunkName::Schema0 {
            return Ok(chunk);
        }
        let line = chunk.line_at(0).ok_or_else(|| chunk.damaged(0, Damage::Malformed))?;
        if let Some(found) = Begin::newer(line) {
            let path = chunk.path;
            return Err(BundleError::NewerSchema { path, line: 1, found, known: SCHEMA });
        }
        let begin = Begin::read(line).ok_or_else(|| chunk.damaged(0, Damage::Malformed))?;
        if (begin.session, begin.seq) != (place.id, name.first()) {
            return Err(chunk.damaged(0, Damage::Foreign));
        }
        chunk.first_at = line.len() + 1;
        chunk.begin = Some(begin);
        Ok(chunk)
    }

    pub(super) fn name(&self) -> ChunkName {
        self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn begin(&self) -> Option<Begin> {
        self.begin
    }

    /// Where its first line begins.
    pub(super) fn first_at(&self) -> usize {
        self.first_at
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_preallocated(&self) -> bool {
        self.begin.is_some_and(|begin| begin.preallocated)
    }

    /// The chain before its first action.
    fn chain<'h>(&self, header: &'h Header) -> Chain<'h> {
        match self.begin {
            Some(begin) => Chain::new(header, begin.seq, begin.after),
            None => Chain::from_the_beginning(header),
        }
    }

    /// Where the mark begins that seals the chunk, if it is sealed. Nothing but zeros is behind it.
    pub(super) fn sealed_at(&self) -> Option<usize> {
        let begin = self.begin?;
        let written = match self.bytes.iter().rposition(|byte| *byte != 0) {
            Some(last) if self.is_preallocated() => last + 1,
            _ => self.bytes.len(),
        };
        let (text, end) = (self.bytes.get(self.first_at..written)?, written);
        let line = text.strip_suffix(b"\n")?;
        let at = memrchr(b'\n', line).map_or(0, |before| before + 1);
        let (before, seal) = line.split_at(at);
        let (seq, head) = match before.strip_suffix(b"\n") {
            Some(lines) => {
                let last = lines.get(memrchr(b'\n', lines).map_or(0, |end| end + 1)..)?;
                (seq_of(last)?.checked_add(1)?, Frame::read(last)?.stated_head()?)
            }
            None => (begin.seq, begin.after),
        };
        is_seal(seal, seq, &head).then(|| end - seal.len() - 1)
    }

    /// How far a chunk that is not sealed is intact. What is behind that is a torn write, or an
    /// error that says where the damage is.
    pub(super) fn tail(&self, header: &Header) -> Result<Tail, BundleError> {
        let mut chain = self.chain(header);
        let (mut end, mut last_at, mut unsynced_at) = (self.first_at, None, self.first_at);
        let mut stated = chain.head();
        let mut synced = 0;
        // Where the lines begin, as far back as they can still turn out not to be synced.
        let mut begins: Vec<(u64, usize)> = Vec::new();
        let flaw = loop {
            let Some(line) = self.line_at(end) else { break Damage::Malformed };
            let seq = chain.actions();
            if is_seal(line, seq, &stated) && !Rule::SealIsLast.is_broken() {
                // Something was appended all the same, because the seal was refused, and the first
                // of it is lost.
                break Damage::Malformed;
            }
            let frame = match chain.follow(line) {
                Ok(frame) => frame,
                Err(Flaw::Broken(found)) => break found,
                Err(flaw) => return Err(flaw.at(self.line(end, seq, line))),
            };
            // The lines of schema 0 do not say, and a gap is synced when it can be read.
            if let Some(Claims::Action { synced: now, .. }) = frame.claims() {
                synced = synced.max(now);
            }
            stated = frame.stated_head().unwrap_or(stated);
            begins.push((seq, end));
            last_at = Some(end);
            end += line.len() + 1;
        };
        if let Some((_, at)) = begins.iter().find(|(seq, _)| *seq >= synced) {
            unsynced_at = *at;
        } else if !begins.is_empty() {
            unsynced_at = end;
        }
        let rest = self.bytes.get(end..).unwrap_or_default();
        let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let cut = self.is_preallocated() && written == rest.len();
        let actions = chain.actions();
        if cut {
            return Err(self.damaged(end, if rest.is_empty() { Damage::Missing } else { flaw }));
        }
        if evidence(rest.get(1..).unwrap_or_default(), actions) {
            return Err(self.damaged(end, flaw));
        }
        let torn_bytes = if self.is_preallocated() { written } else { rest.len() };
        Ok(Tail { end, actions, unsynced_at, last_at, torn_bytes })
    }

    /// Shows the lines up to the byte `end` whose number is at least `from`. Returns the number that
    /// the next line would have, if all were shown.
    pub(super) fn lines(
        &self,
        end: usize,
        from: u64,
        visit: &mut Visit<'_>,
    ) -> Result<Option<u64>, BundleError> {
        let (mut at, mut next) = (self.first_at, self.name.first());
        let mut number = 1 + u64::from(self.begin.is_some());
        while at < end {
            let line = self.line_at(at).ok_or_else(|| self.damaged(at, Damage::Malformed))?;
            let seq = seq_of(line).ok_or_else(|| self.damaged(at, Damage::Malformed))?;
            if seq >= from {
                let line = Line::new(seq, line, &self.path).at(number, offset(at));
                if visit(line)?.is_break() {
                    return Ok(None);
                }
            }
            next = seq.saturating_add(1);
            at += line.len() + 1;
            number += 1;
        }
        Ok(Some(next))
    }

    /// The last line before the byte `end`, with its number.
    pub(super) fn last_line(&self, end: usize) -> Result<Option<(u64, Vec<u8>)>, BundleError> {
        let Some(at) = self.line_before(end) else { return Ok(None) };
        let line = self.line_at(at).and_then(|line| Some((seq_of(line)?, line.to_vec())));
        line.map(Some).ok_or_else(|| self.damaged(at, Damage::Malformed))
    }

    /// Where the line begins that ends at the byte `end`.
    pub(super) fn line_before(&self, end: usize) -> Option<usize> {
        let lines = self.bytes.get(self.first_at..end)?.strip_suffix(b"\n")?;
        Some(self.first_at + memrchr(b'\n', lines).map_or(0, |before| before + 1))
    }

    /// The number of the intact line that begins there.
    pub(super) fn seq_at(&self, at: usize) -> u64 {
        self.line_at(at).and_then(seq_of).unwrap_or(self.name.first())
    }

    /// The whole line that begins there, without its end.
    pub(super) fn line_at(&self, at: usize) -> Option<&[u8]> {
        let rest = self.bytes.get(at..)?;
        rest.get(..memchr(b'\n', rest)?)
    }

    /// The error that says what is wrong with the line that begins there.
    pub(super) fn damaged(&self, at: usize, found: Damage) -> BundleError {
        let before = self.bytes.get(..at).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line = u64::try_from(line).unwrap_or(u64::MAX);
        BundleError::Damaged { path: self.path.clone(), line, offset: offset(at), found }
    }

    fn line<'a>(&'a self, at: usize, seq: u64, line: &'a [u8]) -> Line<'a> {
        let before = self.bytes.get(..at).unwrap_or_default();
        let number = memchr::memchr_iter(b'\n', before).count() + 1;
        Line::new(seq, line, &self.path).at(u64::try_from(number).unwrap_or(u64::MAX), offset(at))
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}
