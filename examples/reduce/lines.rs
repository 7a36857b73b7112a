//! Lines of an input, none of which takes more memory than it may.

use std::io::{self, BufRead, Read as _};

/// Reads one line after the other.
pub(crate) struct Lines<R> {
    input: R,
    most: usize,
    number: u64,
    bytes: Vec<u8>,
}

/// One line, without what ends it.
pub(crate) enum Line<'l> {
    Whole(&'l [u8]),
    /// It is longer than a line may be, and was passed over.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most so many bytes.
    pub(crate) fn new(input: R, most: usize) -> Self {
        Self { input, most, number: 0, bytes: Vec::new() }
    }

    /// The next line with its number, counted from 1; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.bytes.clear();
        // One that was longer than most keeps no memory from those after it.
        self.bytes.shrink_to(1 << 20);
        // One byte more tells a line that is as long as it may be from one that is longer.
        let limit = u64::try_from(self.most).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        } else if self.bytes.len() > self.most {
            self.input.skip_until(b'\n')?;
            return Ok(Some((self.number, Line::TooLong)));
        }
        Ok(Some((self.number, Line::Whole(&self.bytes))))
    }
}
