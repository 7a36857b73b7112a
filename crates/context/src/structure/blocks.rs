use std::num::NonZeroUsize;

use super::line::{Line, lines};
use crate::segment::LineRange;
use crate::text::floor_char_boundary;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'t> {
    /// The lines that it is of. The parts of a line that was too long share that line.
    pub lines: LineRange,
    /// Its bytes, line ends included.
    pub text: &'t str,
}

/// Splits a text into blocks that follow its structure.
///
/// A block ends before an unindented line that follows a blank line, an indented line or a closing
/// bracket, once it has five lines, so that a heading stays with what it heads; and it ends at the
/// bounds, by default 40 lines and 4 KiB. Where the line bound cuts, it cuts after the last blank
/// line of the second half, if there is one. Only a line longer than the byte bound is cut inside,
/// between two characters. The blocks together are the whole text, and an empty text has none.
///
/// ```
/// use maniple_context::blocks;
///
/// let text = "# Title\n\nabout\n\n\nfn a() {\n    1;\n}\nfn b() {}\n";
/// let found: Vec<_> = blocks(text).map(|block| block.lines.to_string()).collect();
/// assert_eq!(found, ["1-5", "6-9"]);
/// assert_eq!(blocks(text).map(|block| block.text).collect::<String>(), text);
/// ```
pub fn blocks(text: &str) -> Blocks<'_> {
    Blocks {
        rest: text,
        next_line: 1,
        long_line_left: 0,
        max_lines: MAX_LINES,
        max_bytes: MAX_BYTES,
    }
}

const MAX_LINES: NonZeroUsize = NonZeroUsize::new(40).unwrap();
const MAX_BYTES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const MIN_LINES: usize = 5;
/// The longest character, without which a block could not move on.
const LONGEST_CHAR: usize = 4;

/// The blocks of a text, in order; made by [`blocks`].
#[derive(Debug, Clone)]
pub struct Blocks<'t> {
    rest: &'t str,
    next_line: usize,
    long_line_left: usize,
    max_lines: NonZeroUsize,
    max_bytes: NonZeroUsize,
}

impl Blocks<'_> {
    /// Blocks of at most so many lines. The default is 40.
    pub fn with_max_lines(mut self, lines: NonZeroUsize) -> Self {
        self.max_lines = lines;
        self
    }

    /// Blocks of at most so many bytes, or 4 where it is less: a character is never cut. The
    /// default is 4096.
    pub fn with_max_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.max_bytes = bytes;
        self
    }

    fn max_bytes(&self) -> usize {
        self.max_bytes.get().max(LONGEST_CHAR)
    }
}

impl<'t> Iterator for Blocks<'t> {
    type Item = Block<'t>;

    fn next(&mut self) -> Option<Block<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        if self.long_line_left > 0 {
            return self.part_of_long_line();
        }
        let extent = self.extent();
        if extent.bytes == 0 {
            self.long_line_left = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
            return self.part_of_long_line();
        }
        let first = self.next_line;
        self.next_line += extent.lines;
        self.block(extent.bytes, first, self.next_line - 1)
    }
}

impl<'t> Blocks<'t> {
    fn part_of_long_line(&mut self) -> Option<Block<'t>> {
        let end = floor_char_boundary(self.rest, self.max_bytes().min(self.long_line_left));
        self.long_line_left -= end;
        let line = self.next_line;
        if self.long_line_left == 0 {
            self.next_line += 1;
        }
        self.block(end, line, line)
    }

    fn block(&mut self, bytes: usize, first: usize, last: usize) -> Option<Block<'t>> {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Some(Block { lines: LineRange::new(first, last)?, text })
    }

    /// How far the next block reaches; no bytes where its first line is too long for one.
    fn extent(&self) -> Extent {
        let mut taken = Extent::default();
        let mut at_blank = Extent::default();
        let mut before: Option<Line<'_>> = None;
        for line in lines(self.rest) {
            if before.is_some_and(|before| taken.lines >= MIN_LINES && is_boundary(before, line)) {
                return taken;
            }
            if taken.lines == self.max_lines.get() {
                let enough = at_blank.lines * 2 >= taken.lines;
                return if enough { at_blank } else { taken };
            }
            if taken.bytes + line.text.len() > self.max_bytes() {
                return taken;
            }
            taken.bytes += line.text.len();
            taken.lines += 1;
            if line.is_blank() {
                at_blank = taken;
            }
            before = Some(line);
        }
        taken
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    bytes: usize,
    lines: usize,
}

fn is_boundary(before: Line<'_>, line: Line<'_>) -> bool {
    !line.is_blank()
        && line.indentation() == 0
        && !line.closes()
        && (before.is_blank() || before.indentation() > 0 || before.closes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        blocks(text).map(|block| block.text).collect()
    }

    #[test]
    fn code_splits_between_items() {
        let first = "/// Doc.\nfn first(\n    a: u8,\n) -> u8 {\n    let b = a;\n\n    b\n}\n";
        let second = "/// Other.\nfn second() {\n    1\n}\n";
        assert_eq!(texts(&format!("{first}\n{second}")), [&format!("{first}\n"), second]);
    }

    #[test]
    fn a_full_block_ends_at_its_last_blank_line() {
        let text = "  x\n".repeat(30) + "\n" + &"  y\n".repeat(30);
        let found: Vec<_> = blocks(&text).map(|block| block.lines.to_string()).collect();
        assert_eq!(found, ["1-31", "32-61"]);
    }

    #[test]
    fn only_a_long_line_is_cut_and_its_parts_share_its_number() {
        let text = format!("short\n{}\nend", "é".repeat(3_000));
        let found: Vec<_> =
            blocks(&text).map(|block| (block.lines.to_string(), block.text.len())).collect();
        let expected = [("1-1", 6), ("2-2", 4096), ("2-2", 1905), ("3-3", 3)];
        assert_eq!(found, expected.map(|(lines, bytes)| (lines.to_owned(), bytes)));
    }
}
