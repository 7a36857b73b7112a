use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Extent, Line, LineError, Lines};
use crate::action::{Action, Entry};
use crate::disk::{Access, Disk, Reader};
use crate::error::{Attempt, BundleError, Damage};
use crate::format::{ChainHead, Frame, MAX_LINE_BYTES, SCHEMA, Unreadable, read_body};

/// Larger than a page, so that a long log costs few reads.
const READ_BYTES: usize = 256 * 1024;

/// Reads the actions of a log from its beginning.
#[derive(Debug)]
pub(crate) struct Scan<R> {
    path: PathBuf,
    lines: Lines<R>,
    extent: Extent,
}

/// Why there is no next action.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// The line is not one that was written here whole.
    Broken(Damage),
    /// Everything else, which no crash can cause.
    Fatal(BundleError),
}

impl From<BundleError> for Flaw {
    fn from(error: BundleError) -> Self {
        Self::Fatal(error)
    }
}

impl Scan<BufReader<Reader>> {
    /// Opens the log at `path` to read it only.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        before: ChainHead,
    ) -> Result<Self, BundleError> {
        let file = disk.open(path, Access::Read).attempt("open", path)?;
        let input = BufReader::with_capacity(READ_BYTES, Reader::new(file));
        Ok(Self::new(input, path, before))
    }
}

impl<R: BufRead> Scan<R> {
    pub(crate) fn new(input: R, path: &Path, before: ChainHead) -> Self {
        Self::with_limit(input, path, before, MAX_LINE_BYTES)
    }

    pub(crate) fn with_limit(input: R, path: &Path, before: ChainHead, limit: usize) -> Self {
        let lines = Lines::new(input, limit);
        Self { path: path.to_owned(), lines, extent: Extent::empty(before) }
    }

    /// The next action; `None` where the log ends in good order.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, Flaw> {
        match self.advance()? {
            Line::Complete => self.check().map(Some),
            Line::Unfinished => Err(Flaw::Broken(Damage::Malformed)),
            Line::End => Ok(None),
        }
    }

    /// Reads all actions and takes every flaw for what it is where no crash can have happened.
    pub(crate) fn read_all(mut self, mut visit: impl FnMut(Entry)) -> Result<Extent, BundleError> {
        loop {
            match self.next_entry() {
                Ok(Some(entry)) => visit(entry),
                Ok(None) => return Ok(self.extent),
                Err(Flaw::Broken(found)) => return Err(self.damaged(found)),
                Err(Flaw::Fatal(error)) => return Err(error),
            }
        }
    }

    /// The intact lines so far.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    pub(crate) fn lines(&self) -> &Lines<R> {
        &self.lines
    }

    /// Reads a line without looking at what it says.
    pub(crate) fn advance(&mut self) -> Result<Line, BundleError> {
        self.lines.advance().or_else(|error| match error {
            LineError::Io(error) => Err(error).attempt("read", &self.path),
            LineError::TooLong => Err(BundleError::LineTooLong {
                path: self.path.clone(),
                line: self.lines.number(),
                offset: self.lines.offset(),
                limit: self.lines.limit(),
            }),
        })
    }

    /// The error that names the current line.
    pub(crate) fn damaged(&self, found: Damage) -> BundleError {
        BundleError::Damaged {
            path: self.path.clone(),
            line: self.lines.number(),
            offset: self.lines.offset(),
            found,
        }
    }

    fn check(&mut self) -> Result<Entry, Flaw> {
        let frame = Frame::read(self.lines.bytes()).ok_or(Flaw::Broken(Damage::Malformed))?;
        let head = frame.follow(&self.extent.head).ok_or(Flaw::Broken(Damage::BrokenChain))?;
        let entry = read_body(frame.body).map_err(|error| self.unreadable(error))?;
        let expected = self.extent.actions;
        if entry.seq != expected {
            // The hash is right, so somebody meant this line: it is nobody's torn write.
            let found = Damage::OutOfSequence { expected, found: entry.seq };
            return Err(Flaw::Fatal(self.damaged(found)));
        }
        self.extent = Extent {
            bytes: self.lines.end(),
            actions: expected + 1,
            head,
            closed: entry.action == Action::Closed,
        };
        Ok(entry)
    }

    fn unreadable(&self, error: Unreadable) -> BundleError {
        let (path, line) = (self.path.clone(), self.lines.number());
        match error {
            Unreadable::Newer(found) => {
                BundleError::NewerSchema { path, line, found, known: SCHEMA }
            }
            Unreadable::UnknownAction(kind) => BundleError::UnknownAction { path, line, kind },
            Unreadable::Unintelligible(error) => {
                BundleError::Unintelligible { path, line, source: Arc::new(error) }
            }
        }
    }
}
