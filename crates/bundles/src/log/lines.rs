use std::io::{self, BufRead, Read};

/// Reads lines, each into the same buffer, and knows their places.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    limit: usize,
    buffer: Vec<u8>,
    number: u64,
    offset: u64,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The file ends here.
    End,
    /// A line with its line end.
    Complete,
    /// The last line, which has no line end.
    Unfinished,
}

/// Why a line cannot be read.
#[derive(Debug)]
pub(crate) enum LineError {
    Io(io::Error),
    /// It is longer than the limit; no more of it was read.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of at most `limit` bytes, line end included.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self { input, limit, buffer: Vec::new(), number: 0, offset: 0 }
    }

    /// Reads the next line.
    pub(crate) fn advance(&mut self) -> Result<Line, LineError> {
        self.offset = self.end();
        self.buffer.clear();
        let one_more = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut input = (&mut self.input).take(one_more);
        input.read_until(b'\n', &mut self.buffer).map_err(LineError::Io)?;
        if self.buffer.is_empty() {
            return Ok(Line::End);
        }
        self.number += 1;
        if self.buffer.len() > self.limit {
            return Err(LineError::TooLong);
        }
        Ok(if self.is_complete() { Line::Complete } else { Line::Unfinished })
    }

    /// Whether the current line has its line end.
    pub(crate) fn is_complete(&self) -> bool {
        self.buffer.ends_with(b"\n")
    }

    /// The bytes of the current line, without its line end.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The current line, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the current line begins, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where what was read ends, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX))
    }
}
