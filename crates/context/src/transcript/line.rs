//! Where the turns of a transcript may be shortened.

use std::borrow::Cow;
use std::ops::Range;

use super::arguments::{decoded, each_part};
use super::{Origin, Turn};
use crate::hash::hash;

/// A part of a turn that goes or stays as a whole: a line with the blank lines that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    turn: u32,
    span: Range<u32>,
    opening: u32,
    place: Place,
    shape: Shape,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line of text.
    Text,
    /// A line of text that ends in a carriage return alone: a terminal writes the next over it.
    Overwritten,
    /// A line of a string in the arguments of a call.
    Argument,
    /// What holds the arguments of a call together. It stays as long as the call.
    Frame,
}

/// Where it says that it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    /// Its number, and that of the last blank line that follows it.
    Numbered {
        first: u32,
        last: u32,
    },
    /// In the file whose path has this hash.
    In(u64),
}

/// The lines of all turns, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    all: Vec<Line>,
    starts: Vec<usize>,
    /// By turn, whether it stays byte for byte.
    whole: Vec<bool>,
}

impl Lines {
    pub(crate) fn of(turns: &[Turn<'_>]) -> Self {
        let whole = turns.iter().map(|turn| !turn.may_shrink()).collect();
        let mut lines = Self { all: Vec::new(), starts: vec![0], whole };
        for (number, turn) in turns.iter().enumerate() {
            if turn.is_call() {
                lines.cut_arguments(number, turn.text);
            } else {
                lines.cut_text(number, turn);
            }
            lines.starts.push(lines.all.len());
        }
        lines.all.shrink_to_fit();
        lines
    }

    /// The lines of all turns.
    pub(crate) fn all(&self) -> &[Line] {
        &self.all
    }

    /// The places in [`all`](Self::all) of the lines of a turn.
    pub(crate) fn of_turn(&self, turn: usize) -> Range<usize> {
        self.starts[turn]..self.starts[turn + 1]
    }

    /// Whether the opening of a line can go where the line right above it is kept.
    pub(crate) fn continues(&self, line: usize) -> bool {
        line > 0
            && self
                .all
                .get(line)
                .is_some_and(|this| !self.whole[this.turn()] && this.follows(&self.all[line - 1]))
    }

    fn cut_arguments(&mut self, turn: usize, text: &str) {
        let mut start = 0;
        each_part(text, |end, may_go| {
            if end > start {
                let shape = if may_go { Shape::Argument } else { Shape::Frame };
                let place = Place::Nowhere;
                self.all.push(Line::new(turn, start..end, 0, place, shape));
                start = end;
            }
        });
    }

    fn cut_text(&mut self, turn: usize, of: &Turn<'_>) {
        let start = *self.starts.last().unwrap_or(&0);
        for span in spans(of.text) {
            let text = &of.text[span.clone()];
            let (opening, place) = if of.is_material() { opening(text) } else { NO_OPENING };
            if !self.whole[turn]
                && text[opening..].trim().is_empty()
                && self.all.len() > start
                && self.all.last_mut().is_some_and(|last| last.take_blank(place, span.end))
            {
                continue;
            }
            let shape = if text.ends_with('\r') && span.end < of.text.len() {
                Shape::Overwritten
            } else {
                Shape::Text
            };
            self.all.push(Line::new(turn, span, opening, place, shape));
        }
    }
}

impl Line {
    fn new(turn: usize, span: Range<usize>, opening: usize, place: Place, shape: Shape) -> Self {
        let span = small(span.start)..small(span.end);
        Self { turn: small(turn), span, opening: small(opening), place, shape }
    }

    /// Which turn it is of.
    pub(crate) fn turn(&self) -> usize {
        self.turn as usize
    }

    /// Its bytes in the text of its turn, the line end and blank lines included.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.start as usize..self.span.end as usize
    }

    /// The bytes at its start that only say where it stands: a line number, or the path in
    /// `path:12:`. Where the line above is kept and tells as much, they can go.
    pub(crate) fn opening(&self) -> usize {
        self.opening as usize
    }

    /// Where its pieces end, each with the bytes at its start that only say where it stands: the
    /// line and, behind a line with a number, each blank line that has one of its own.
    pub(crate) fn pieces<'t>(&self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        let (span, own, is_numbered) = (self.span(), self.opening(), self.is_numbered());
        let mut end = span.start;
        let lines = text[span.clone()].split_inclusive('\n').enumerate();
        let numbered = lines.map(move |(nth, line)| {
            end += line.len();
            (end, if nth == 0 { own } else { opening(line).0 })
        });
        let whole = (!is_numbered).then_some((span.end, own));
        whole.into_iter().chain(is_numbered.then_some(numbered).into_iter().flatten())
    }

    /// What kind of line it is.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether it is a line of a file that was shown with line numbers.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self.place, Place::Numbered { .. })
    }

    /// What it says, whatever its number, its escapes and the white space behind it.
    pub(super) fn content<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = &text[self.span()];
        match self.shape {
            Shape::Frame => Cow::Borrowed(text),
            Shape::Argument => match decoded(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
                Cow::Owned(mut text) => {
                    text.truncate(text.trim_end().len());
                    Cow::Owned(text)
                }
            },
            Shape::Text | Shape::Overwritten => {
                let line = text.split('\n').next().unwrap_or(text);
                Cow::Borrowed(
                    if self.is_numbered() { &line[self.opening()..] } else { line }.trim_end(),
                )
            }
        }
    }

    fn follows(&self, above: &Self) -> bool {
        self.turn == above.turn
            && match (above.place, self.place) {
                (Place::Numbered { last, .. }, Place::Numbered { first, .. }) => last + 1 == first,
                (Place::In(above), Place::In(path)) => above == path,
                _ => false,
            }
    }

    /// Takes in a blank line that follows, if it stands in the same place.
    fn take_blank(&mut self, blank: Place, end: usize) -> bool {
        match (&mut self.place, blank) {
            _ if self.shape == Shape::Overwritten => return false,
            (Place::Numbered { last, .. }, Place::Numbered { first, .. }) if *last + 1 == first => {
                *last = first;
            }
            (Place::Nowhere | Place::In(_), Place::Nowhere) => {}
            _ => return false,
        }
        self.span.end = small(end);
        true
    }
}

/// There are many lines, and each is kept small.
fn small(place: usize) -> u32 {
    u32::try_from(place).expect("a turn has fewer than 2³² bytes, and a context fewer turns")
}

const NO_OPENING: (usize, Place) = (0, Place::Nowhere);

/// The lines of a text, cut behind a carriage return that stands alone too.
fn spans(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let is_end = |at: &usize| match rest[*at] {
            b'\n' => true,
            b'\r' => rest.get(at + 1).is_some_and(|&next| next != b'\n'),
            _ => false,
        };
        let length = (0..rest.len()).find(is_end).map_or(rest.len(), |at| at + 1);
        start += length;
        Some(start - length..start)
    })
}

/// How many bytes of a line say where it stands, and where that is.
fn opening(line: &str) -> (usize, Place) {
    numbered(line).or_else(|| path(line)).unwrap_or(NO_OPENING)
}

/// The most digits of a line number.
const MOST_DIGITS: usize = 9;
/// How wide numbers are set that only a tab follows; narrower ones are data.
const NUMBER_WIDTH: usize = 6;

/// `  120→` or, set to the right as by `cat -n`, `   120` and a tab.
fn numbered(line: &str) -> Option<(usize, Place)> {
    let bytes = line.as_bytes();
    let blank = bytes.iter().take_while(|&&byte| byte == b' ').count();
    let digits =
        bytes[blank..].iter().take(MOST_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > MOST_DIGITS {
        return None;
    }
    let end = blank + digits;
    let sign = match line[end..].chars().next()? {
        arrow @ '→' => arrow.len_utf8(),
        '\t' if end >= NUMBER_WIDTH => 1,
        _ => return None,
    };
    let number = line[blank..end].parse().ok()?;
    Some((end + sign, Place::Numbered { first: number, last: number }))
}

/// The path in `path:12:` or `path-12-`, as searches list what they found. The number stays.
fn path(line: &str) -> Option<(usize, Place)> {
    let bytes = line.as_bytes();
    let mut slash = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'/' => slash = true,
            b':' | b'-' if slash => {
                let digits = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
                if digits > 0 && bytes.get(at + 1 + digits) == Some(&byte) {
                    return Some((at, Place::In(hash(&bytes[..at]))));
                }
            }
            _ if byte.is_ascii_whitespace() => return None,
            _ => {}
        }
    }
    None
}

impl Turn<'_> {
    /// Whether a line of it may go by itself.
    pub(super) fn may_lose(&self, line: &Line) -> bool {
        self.may_shrink()
            && match line.shape {
                Shape::Frame => false,
                Shape::Argument => true,
                Shape::Text | Shape::Overwritten => {
                    self.origin == Origin::Result && self.pair.is_some()
                }
            }
    }
}
