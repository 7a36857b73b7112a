//! Parts of a recalled text: lines by number, and lines in which something stands.
//!
//! Lines count from 1, end at a line feed, and keep it. Nothing of a text is changed.

use std::collections::VecDeque;

use maniple_core::{Class, Classify};

use crate::segment::LineRange;

/// How many lines a text has: 0 if it is empty; one that does not end in a line feed is a line too.
pub fn line_count(text: &str) -> usize {
    let ended = text.bytes().filter(|byte| *byte == b'\n').count();
    ended + usize::from(!(text.is_empty() || text.ends_with('\n')))
}

/// These lines of a text, byte for byte, with their line feeds.
///
/// ```
/// use maniple_context::LineRange;
/// use maniple_context::excerpt::lines;
///
/// let range = LineRange::new(2, 3).expect("2 <= 3");
/// assert_eq!(lines("a\nb\r\nc", range), Ok("b\r\nc"));
/// assert_eq!(
///     lines("a\nb\n", range).unwrap_err().to_string(),
///     "there are no lines 2-3: the text has 2 lines"
/// );
/// ```
///
/// # Errors
/// Where the text has not so many lines, with the number that it has.
pub fn lines(text: &str, range: LineRange) -> Result<&str, NoSuchLines> {
    // Where each line ends; one without a line feed ends with the text.
    let mut ends = text.match_indices('\n').map(|(at, _)| at + 1);
    let missing = || NoSuchLines { range, lines: line_count(text) };
    let begin = match range.first() - 1 {
        0 => 0,
        before => ends.nth(before - 1).ok_or_else(missing)?,
    };
    let end = ends.nth(range.count() - 1);
    match end {
        Some(end) => Ok(&text[begin..end]),
        None if begin < text.len() && line_count(text) == range.last() => Ok(&text[begin..]),
        None => Err(missing()),
    }
}

/// Lines were asked for that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are no lines {range}: the text has {lines} line{}",
    if *lines == 1 { "" } else { "s" }
)]
pub struct NoSuchLines {
    /// What was asked for.
    pub range: LineRange,
    /// How many lines the text has.
    pub lines: usize,
}

impl Classify for NoSuchLines {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// The words that a line is searched for. It matches if it has each of them, in any order, inside of
/// other words too, whatever their case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    words: Vec<String>,
}

impl Needle {
    /// The words of a text, between white space; none if there is none.
    pub fn new(text: &str) -> Option<Self> {
        let mut words: Vec<String> =
            text.split_whitespace().map(|word| lower(word).collect()).collect();
        // The longest is the rarest, as a rule, so it is looked for first.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        (!words.is_empty()).then_some(Self { words })
    }

    /// The byte of a line at which its longest word begins, or 0.
    #[cfg(feature = "tools")]
    pub(super) fn place_in(&self, line: &str) -> usize {
        let Some(word) = self.words.first() else { return 0 };
        let mut folded = String::with_capacity(line.len());
        folded.extend(lower(line));
        let Some(place) = folded.find(word.as_str()) else { return 0 };
        // A letter may be longer in another case.
        let mut at = 0;
        for (index, c) in line.char_indices() {
            if at >= place {
                return index;
            }
            at += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        }
        0
    }
}

/// A line that a search shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundLine<'t> {
    /// Its number.
    pub number: usize,
    /// Its text, with its line feed.
    pub text: &'t str,
    /// Whether it matches; if not, it is shown with one that does.
    pub matches: bool,
}

/// The lines of a text that match, in their order, with up to `around` lines before and after each.
/// Every line comes once.
///
/// It looks no further than the caller takes lines, which is how a search is bounded.
///
/// ```
/// use maniple_context::excerpt::{Needle, search};
///
/// let needle = Needle::new("ERROR disk").expect("these are words");
/// let found = search("start\nDisk error 5\nretry\nstop\n", &needle, 1);
/// let shown: Vec<_> = found.map(|line| (line.number, line.matches)).collect();
/// assert_eq!(shown, [(1, false), (2, true), (3, false)]);
/// ```
pub fn search<'t>(
    text: &'t str,
    needle: &'t Needle,
    around: usize,
) -> impl Iterator<Item = FoundLine<'t>> {
    let mut lines = (1..).zip(text.split_inclusive('\n'));
    let mut folded = String::new();
    let (mut before, mut ready) = (VecDeque::new(), VecDeque::new());
    let mut after = 0;
    std::iter::from_fn(move || {
        loop {
            if let Some(line) = ready.pop_front() {
                return Some(line);
            }
            let (number, text) = lines.next()?;
            folded.clear();
            folded.extend(lower(text));
            let matches = needle.words.iter().all(|word| folded.contains(word.as_str()));
            let line = FoundLine { number, text, matches };
            if matches {
                ready.append(&mut before);
                ready.push_back(line);
                after = around;
            } else if after > 0 {
                after -= 1;
                return Some(line);
            } else if around > 0 {
                if before.len() == around {
                    before.pop_front();
                }
                before.push_back(line);
            }
        }
    })
}

/// Character by character, so that a word is the same inside of a text and alone.
fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}
