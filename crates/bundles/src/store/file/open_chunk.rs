use std::path::PathBuf;

use super::broken::Rule;
use super::chunk::{Chunk, Tail};
use super::files;
use super::marks::{Begin, write_seal};
use super::place::{ChunkName, Place};
use crate::disk::{DiskFile, write_all_at};
use crate::error::{Attempt, BundleError};
use crate::format::ChainHead;

/// How large a chunk becomes before the next one is begun.
///
/// These sizes are small in tests, so that the simulation comes by each of them often.
pub(super) const CHUNK_BYTES: u64 = if cfg!(test) { 8 * 1024 } else { 16 * 1024 * 1024 };

/// The least and the most room that is made at once. A file that is overwritten is synced faster
/// than one that grows.
const LEAST_ROOM: u64 = if cfg!(test) { 1024 } else { 64 * 1024 };
const MOST_ROOM: u64 = if cfg!(test) { 4 * 1024 } else { 1024 * 1024 };

/// The chunk that is written to.
#[derive(Debug)]
pub(super) struct OpenChunk {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    name: ChunkName,
    preallocated: bool,
    /// Where the next line is to be written.
    end: u64,
    /// How much of the file has been written to, also where that failed.
    dirty: u64,
    /// How long the file is.
    allocated: u64,
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is as if it had not been tried.
    Refused(BundleError),
    /// A sync failed. What the system shows need not be what is on the disk.
    Doubtful(BundleError),
}

impl Failure {
    /// What the system said.
    pub(super) fn why(self) -> BundleError {
        let (Self::Refused(error) | Self::Doubtful(error)) = self;
        error
    }
}

impl OpenChunk {
    /// Makes a chunk, durably and whole or not at all.
    pub(super) fn create(place: &Place, begin: &Begin) -> Result<Self, BundleError> {
        let name = ChunkName::From(begin.seq);
        let path = place.chunk(name);
        let mut bytes = Vec::new();
        begin.write(&mut bytes);
        let end = length(&bytes);
        if begin.preallocated {
            bytes.resize(usize::try_from(LEAST_ROOM).unwrap_or(usize::MAX), 0);
        }
        files::replace(place.disk(), &path, &place.temporary(), &bytes)?;
        if !Rule::ChunkEntryIsSynced.is_broken() {
            files::sync_entry(place.disk(), &path)?;
        }
        let file = files::open_existing(place.disk(), &path, "open")?;
        let (preallocated, allocated) = (begin.preallocated, length(&bytes));
        Ok(Self { file, path, name, preallocated, end, dirty: end, allocated })
    }

    /// Goes on with a chunk behind its last intact line.
    pub(super) fn reopen(place: &Place, chunk: &Chunk, tail: &Tail) -> Result<Self, BundleError> {
        let path = place.chunk(chunk.name());
        let file = files::open_existing(place.disk(), &path, "open")?;
        let (end, allocated) = (count(tail.end), length(chunk.bytes()));
        let (preallocated, dirty) = (chunk.is_preallocated(), end + count(tail.torn_bytes));
        Ok(Self { file, path, name: chunk.name(), preallocated, end, dirty, allocated })
    }

    pub(super) fn name(&self) -> ChunkName {
        self.name
    }

    /// Where the next line is to be written.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn is_full(&self) -> bool {
        self.end >= CHUNK_BYTES
    }

    /// Writes lines behind those that are there. They count only when [`keep`](Self::keep) says so.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let until = self.end + length(lines);
        if self.preallocated {
            // The last byte stays zero, by which a file that was cut is told.
            self.make_room(until + 1)?;
        }
        self.dirty = self.dirty.max(until);
        let written =
            write_all_at(&mut *self.file, self.end, lines).attempt("append to", &self.path);
        if let Err(error) = written {
            // What was written is covered again at the next try, if it cannot be now.
            self.allocated = self.allocated.max(until);
            let _ = self.clean(self.end);
            return Err(Failure::Refused(error));
        }
        // An earlier try may have left something behind.
        if self.dirty > until {
            self.clean(until).map_err(Failure::Refused)?;
        }
        Ok(())
    }

    /// Lets the lines count that were written last.
    pub(super) fn keep(&mut self, lines: &[u8]) {
        self.end += length(lines);
        self.dirty = self.end;
        self.allocated = self.allocated.max(self.end);
    }

    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        match self.file.sync_data() {
            Err(_) if Rule::SyncErrorsCount.is_broken() => Ok(()),
            synced => synced.attempt("sync", &self.path).map_err(Failure::Doubtful),
        }
    }

    /// Seals the chunk before action `seq`, durably. The lines are durable before, because the seal
    /// says so. Nothing may be written to it any more.
    pub(super) fn seal(&mut self, seq: u64, head: &ChainHead) -> Result<(), Failure> {
        let mut seal = Vec::new();
        write_seal(&mut seal, seq, head);
        self.write(&seal)?;
        if !Rule::SealBeforeCut.is_broken() {
            self.sync()?;
        }
        let end = self.end + length(&seal);
        if self.allocated > end && !Rule::TailIsErased.is_broken() {
            self.file.set_len(end).attempt("cut", &self.path).map_err(Failure::Refused)?;
            self.sync()?;
        }
        Ok(())
    }

    /// Writes lines again that may not be on the disk although they are seen, and zeros over
    /// whatever is behind them.
    pub(super) fn write_again(&mut self, at: u64, lines: &[u8]) -> Result<(), Failure> {
        if Rule::LinesAreWrittenAgain.is_broken() {
            return self.clean(self.end).map_err(Failure::Refused).and_then(|()| self.sync());
        }
        let written =
            write_all_at(&mut *self.file, at, lines).attempt("write again in", &self.path);
        written.map_err(Failure::Refused)?;
        self.clean(self.end).map_err(Failure::Refused)?;
        if !Rule::LengthIsSetAgain.is_broken() {
            // It may not be on the disk either.
            let allocated = self.file.set_len(self.allocated).attempt("make room in", &self.path);
            allocated.map_err(Failure::Refused)?;
        }
        self.sync()
    }

    /// Writes zeros from there up to where anything was written.
    fn clean(&mut self, from: u64) -> Result<(), BundleError> {
        if self.dirty <= from || Rule::TailIsErased.is_broken() {
            return Ok(());
        }
        if self.preallocated {
            self.zeros(from, self.dirty)?;
        } else {
            self.file.set_len(from).attempt("cut", &self.path)?;
            self.allocated = from;
        }
        self.dirty = from;
        Ok(())
    }

    /// Makes the file long enough, durably, so that no line is in room that a crash can take away.
    fn make_room(&mut self, until: u64) -> Result<(), Failure> {
        if until <= self.allocated {
            return Ok(());
        }
        let more = self.allocated.clamp(LEAST_ROOM, MOST_ROOM);
        let until = (self.allocated + more).max(until.next_multiple_of(LEAST_ROOM));
        self.zeros(self.allocated, until).map_err(Failure::Refused)?;
        if !Rule::RoomBeforeLines.is_broken() {
            self.sync()?;
        }
        self.allocated = until;
        Ok(())
    }

    fn zeros(&mut self, mut from: u64, until: u64) -> Result<(), BundleError> {
        const ZEROS: &[u8] = &[0; 64 * 1024];
        while from < until {
            let count = usize::try_from(until - from).unwrap_or(usize::MAX).min(ZEROS.len());
            let zeros = &ZEROS[..count];
            write_all_at(&mut *self.file, from, zeros).attempt("make room in", &self.path)?;
            from += length(zeros);
        }
        Ok(())
    }
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    count(bytes.len())
}

pub(super) fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
