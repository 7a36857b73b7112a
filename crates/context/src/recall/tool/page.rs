//! What a text is answered with: as much as a page holds, and where to read on.

use maniple_core::{Class, Classify};
use serde::Serialize;

use super::arguments::{Arguments, Wanted};
use crate::count::TokenCounter;
use crate::recall::excerpt::{FoundLine, Needle, NoSuchLines, line_count, lines, search};
use crate::text::floor_char_boundary;

/// What a model is answered.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// The whole handle, by which a recalled copy is recognised.
    pub(super) recalled: String,
    /// Which lines stand in `text`; none of a text without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lines: Option<String>,
    /// How many lines the whole text has.
    pub(super) of: usize,
    /// How many lines of this page match a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) matches: Option<usize>,
    pub(super) text: String,
    /// What to ask for to read on, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Arguments>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PageError {
    #[error(transparent)]
    Lines(#[from] NoSuchLines),
    #[error("line {line} has {characters} characters, so {skip} of them cannot be left out")]
    Skip { line: usize, characters: usize, skip: usize },
    #[error("a search needs a word: leave `search` out to read the text itself")]
    EmptySearch,
    #[error("`skip` goes on in one line, and a search shows many: leave one of them out")]
    SearchWithSkip,
}

impl Classify for PageError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// How many lines are shown around one that was searched for.
const AROUND: usize = 2;
/// How much of a long line a search shows, in bytes.
const SHOWN_BYTES: usize = 800;
/// The bytes that are taken for so many tokens at most, so that a line of any length is cut before it
/// is counted. Texts have four on average.
const BYTES_PER_TOKEN: usize = 8;

/// A part of a text that begins with a whole line.
struct Part<'t> {
    text: &'t str,
    first: usize,
    /// The lines of the whole.
    of: usize,
}

pub(super) fn page(
    text: &str,
    recalled: String,
    arguments: &Arguments,
    counter: &dyn TokenCounter,
    tokens: usize,
) -> Result<Page, PageError> {
    let of = line_count(text);
    let (part, first) = match arguments.lines {
        None => (text, 1),
        Some(wanted) => {
            let range = wanted.within(of);
            (lines(text, range)?, range.first())
        }
    };
    let part = Part { text: part, first, of };
    let room = Room { counter, left: tokens };
    match (&arguments.search, arguments.skip) {
        (None, skip) => read(&part, recalled, arguments, skip.unwrap_or(0), room),
        (Some(_), Some(_)) => Err(PageError::SearchWithSkip),
        (Some(words), None) => {
            let needle = Needle::new(words).ok_or(PageError::EmptySearch)?;
            Ok(find(&part, recalled, arguments, &needle, room))
        }
    }
}

/// The tokens that a page has left.
struct Room<'c> {
    counter: &'c dyn TokenCounter,
    left: usize,
}

impl Room<'_> {
    fn takes(&mut self, text: &str) -> bool {
        if text.len() > self.bytes() {
            return false;
        }
        let tokens = self.counter.count(text);
        let left = self.left.checked_sub(tokens);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn bytes(&self) -> usize {
        self.left.saturating_mul(BYTES_PER_TOKEN)
    }

    /// The beginning of a text that there is room for: one character at least, so that every page
    /// gets further.
    fn beginning<'t>(&self, text: &'t str) -> &'t str {
        let least = text.chars().next().map_or(0, char::len_utf8);
        let (mut fits, mut over) = (least, floor_char_boundary(text, self.bytes()) + 1);
        while fits + 1 < over {
            let middle = floor_char_boundary(text, fits.midpoint(over));
            if middle <= fits {
                over = fits.midpoint(over);
            } else if self.counter.count(&text[..middle]) <= self.left {
                fits = middle;
            } else {
                over = middle;
            }
        }
        &text[..fits]
    }
}

/// The text itself, in whole lines, or the part of a line that alone is too long.
fn read(
    part: &Part<'_>,
    recalled: String,
    arguments: &Arguments,
    skip: usize,
    mut room: Room<'_>,
) -> Result<Page, PageError> {
    let begin = skipped(part, skip)?;
    let rest = &part.text[begin..];
    let (mut end, mut last) = (0, part.first);
    let mut next = None;
    for (number, line) in (part.first..).zip(rest.split_inclusive('\n')) {
        if room.takes(line) {
            end += line.len();
            last = number;
            continue;
        }
        let skip = if end == 0 {
            let shown = room.beginning(line);
            end = shown.len();
            // The last character of a line may be all that did not fit.
            if end == line.len() {
                last = number;
                continue;
            }
            let before = if number == part.first { skip } else { 0 };
            Some(before + shown.chars().count())
        } else {
            None
        };
        next = read_on(arguments, number, skip);
        break;
    }
    let text = rest[..end].to_owned();
    let lines = (!text.is_empty()).then(|| format!("{}-{last}", part.first));
    Ok(Page { recalled, lines, of: part.of, matches: None, text, next })
}

/// How many bytes that many characters of the first line take.
fn skipped(part: &Part<'_>, skip: usize) -> Result<usize, PageError> {
    let line = part.text.split_inclusive('\n').next().unwrap_or_default();
    if skip == 0 {
        return Ok(0);
    }
    line.char_indices().nth(skip).map(|(at, _)| at).ok_or_else(|| PageError::Skip {
        line: part.first,
        characters: line.chars().count(),
        skip,
    })
}

fn read_on(arguments: &Arguments, line: usize, skip: Option<usize>) -> Option<Arguments> {
    let lines = match arguments.lines {
        None => Wanted::from(line),
        Some(wanted) => wanted.starting_at(line),
    };
    Some(Arguments { lines: Some(lines?), skip, ..arguments.clone() })
}

/// The lines that match and those around them, each behind its number.
fn find(
    part: &Part<'_>,
    recalled: String,
    arguments: &Arguments,
    needle: &Needle,
    mut room: Room<'_>,
) -> Page {
    let mut text = String::new();
    let (mut matches, mut shown) = (0, None);
    let mut next = None;
    let mut found = search(part.text, needle, AROUND);
    while let Some(line) = found.next() {
        let number = part.first + line.number - 1;
        let written = written(number, &line, needle);
        let is_room = room.takes(&written);
        if is_room || text.is_empty() {
            // One line is shown in any case, and then no more.
            room.left = if is_room { room.left } else { 0 };
            text.push_str(&written);
            matches += usize::from(line.matches);
            shown = Some((shown.map_or(number, |(first, _)| first), number));
            continue;
        }
        // Where nothing matches any more, there is nothing to read on for.
        let later = std::iter::once(line).chain(found).find(|line| line.matches);
        if let Some(later) = later {
            let around = (part.first + later.number - 1).saturating_sub(AROUND).max(number);
            next = read_on(arguments, around, None);
        }
        break;
    }
    let lines = shown.map(|(first, last)| format!("{first}-{last}"));
    Page { recalled, lines, of: part.of, matches: Some(matches), text, next }
}

fn written(number: usize, line: &FoundLine<'_>, needle: &Needle) -> String {
    let sign = if line.matches { ':' } else { '-' };
    let text = line.text.strip_suffix('\n').unwrap_or(line.text);
    if text.len() <= SHOWN_BYTES {
        return format!("{number}{sign} {text}\n");
    }
    // A little of what stands before the place says what it is.
    let place = if line.matches { needle.place_in(text) } else { 0 };
    let begin = floor_char_boundary(text, place.saturating_sub(SHOWN_BYTES / 4));
    let shown = &text[begin..floor_char_boundary(text, begin + SHOWN_BYTES)];
    let before = text[..begin].chars().count();
    let (after, of) = (before + shown.chars().count(), text.chars().count());
    format!("{number}{sign} (characters {}-{after} of {of}) {shown}\n", before + 1)
}
