//! The pieces of a text, which selection keeps or drops one by one, with their counts.

use std::num::NonZeroU32;
use std::ops::Range;

use super::Kind;
use crate::count::TokenCounter;
use crate::recall::Marker;
use crate::structure::sentences;
use crate::text::floor_char_boundary;
use crate::transcript::each_part;

/// A line of anything but prose is cut between sentences only where it is longer than this.
const LONG_LINE: usize = 1024;
/// No piece is longer than this, unless no place to cut it is safe.
const MOST_BYTES: usize = 4096;

/// The pieces that a text is cut into: lines, each with the blank lines that follow it, the
/// sentences of long lines, and the markers that stand in a line. Together they are the whole text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    ends: Box<[usize]>,
    tokens: Box<[u32]>,
    /// The tokens of the whole text.
    whole: usize,
    /// Whether any of the pieces, joined in order, count the sum of their counts.
    is_additive: bool,
    /// Apart, for most texts have none of it and many are short.
    unusual: Option<Box<Unusual>>,
}

/// What there is to know of pieces that are not the lines and sentences of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Unusual {
    /// How many bytes at the start of each piece are said only where the piece before it is not;
    /// its tokens are without them.
    leads: Option<Box<[usize]>>,
    /// The pieces that stay as long as any does.
    fixed: Option<Box<[bool]>>,
    /// What each piece that is cut anew takes, as far as it was counted.
    counted: Option<Box<[Counted]>>,
}

/// The exact counts of a piece alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    with_lead: Option<NonZeroU32>,
    without_lead: Option<NonZeroU32>,
}

impl Pieces {
    /// Cuts a text, and counts what the cuts leave.
    pub(crate) fn of(kind: Kind, text: &str, counter: &dyn TokenCounter) -> Self {
        match kind {
            Kind::ToolCall => Self::of_call(text, counter),
            Kind::Code | Kind::Log | Kind::Json | Kind::ToolResult => {
                Self::of_text(text, LONG_LINE, counter)
            }
            _ => Self::of_text(text, 0, counter),
        }
    }

    fn of_text(text: &str, long: usize, counter: &dyn TokenCounter) -> Self {
        let knows_cuts = counter.is_cut_safe("a\n", "b");
        let mut is_additive = knows_cuts;
        let mut ends = Vec::new();
        for at in cuts(text, long) {
            let is_safe = knows_cuts && counter.is_cut_safe(&text[..at], &text[at..]);
            let piece = &text[ends.last().copied().unwrap_or(0)..at];
            // Where no place is safe, a piece grows up to its bound, but for a marker, which must be
            // found again.
            if is_safe || !knows_cuts || piece.len() >= MOST_BYTES || is_marker(piece) {
                is_additive &= is_safe;
                ends.push(at);
            }
        }
        if !text.is_empty() {
            ends.push(text.len());
        }
        Self::at(text, ends, is_additive, counter)
    }

    /// The lines of the texts in a call's arguments, which are JSON. What else is in them is fixed.
    fn of_call(text: &str, counter: &dyn TokenCounter) -> Self {
        let (mut ends, mut fixed) = (Vec::new(), Vec::new());
        each_part(text, |end, may_go| {
            if end > ends.last().copied().unwrap_or(0) {
                ends.push(end);
                fixed.push(!may_go);
            }
        });
        let is_additive = ends.len() <= 1;
        let pieces = Self::at(text, ends, is_additive, counter);
        let unusual = Unusual { fixed: Some(fixed.into()), ..Unusual::default() };
        Self { unusual: Some(unusual.into()), ..pieces }
    }

    /// The pieces that end at `ends`, in order, the last of which is the end of the text.
    fn at(text: &str, ends: Vec<usize>, is_additive: bool, counter: &dyn TokenCounter) -> Self {
        let mut start = 0;
        let tokens: Box<[u32]> = ends
            .iter()
            .map(|&end| {
                let piece = &text[start..end];
                start = end;
                u32::try_from(counter.count(piece)).unwrap_or(u32::MAX)
            })
            .collect();
        let whole = if is_additive || tokens.len() <= 1 {
            tokens.iter().map(|tokens| *tokens as usize).sum()
        } else {
            let parts = ends.iter().zip(&tokens).map(|(end, tokens)| (*end, *tokens));
            count_joined(text, parts, counter, |tokens, _| tokens as usize)
        };
        Self { ends: ends.into(), tokens, whole, is_additive, unusual: None }
    }

    /// The same text in pieces that end where these do. What was counted of a piece is kept.
    pub(crate) fn recut(&self, cuts: &[Cut]) -> Self {
        let mut old = 0;
        let mut start = 0;
        let mut counted = Vec::with_capacity(cuts.len());
        for cut in cuts {
            while old < self.len() && self.range(old).start < start {
                old += 1;
            }
            let is_same = old < self.len() && self.range(old) == (start..cut.end);
            counted.push(if is_same { self.counted_of(old, cut.lead) } else { Counted::default() });
            start = cut.end;
        }
        let leads = cuts.iter().map(|cut| cut.lead);
        let fixed = cuts.iter().map(|cut| cut.is_fixed);
        let unusual = Unusual {
            leads: leads.clone().any(|lead| lead > 0).then(|| leads.collect()),
            fixed: fixed.clone().any(|is_fixed| is_fixed).then(|| fixed.collect()),
            counted: Some(counted.into()),
        };
        Self {
            ends: cuts.iter().map(|cut| cut.end).collect(),
            tokens: cuts.iter().map(|cut| cut.tokens).collect(),
            whole: self.whole,
            is_additive: false,
            unusual: Some(unusual.into()),
        }
    }

    /// What is known of a piece, were its lead so long.
    fn counted_of(&self, piece: usize, lead: usize) -> Counted {
        let known = match self.counted() {
            Some(counted) => counted[piece],
            None => {
                Counted { with_lead: NonZeroU32::new(self.tokens[piece]), ..Counted::default() }
            }
        };
        let without_lead = match lead {
            0 => known.with_lead,
            lead if lead == self.lead(piece) => known.without_lead,
            _ => None,
        };
        Counted { without_lead, ..known }
    }

    /// Counts a text that is put together of pieces and of other parts.
    pub(crate) fn count(&self, text: &str, shown: &[Shown], counter: &dyn TokenCounter) -> usize {
        let parts = shown.iter().map(|part| (part.end, part.piece));
        count_joined(text, parts, counter, |piece, part| {
            let known = piece.and_then(|(piece, has_lead)| self.known(piece, has_lead));
            known.unwrap_or_else(|| counter.count(part))
        })
    }

    /// The same, remembering what the pieces take.
    pub(crate) fn measure(
        &mut self,
        text: &str,
        shown: &[Shown],
        counter: &dyn TokenCounter,
    ) -> usize {
        let parts = shown.iter().map(|part| (part.end, part.piece));
        count_joined(text, parts, counter, |piece, part| {
            let known = piece.and_then(|(piece, has_lead)| self.known(piece, has_lead));
            known.unwrap_or_else(|| {
                let tokens = counter.count(part);
                let anew = self.unusual.as_mut().and_then(|unusual| unusual.counted.as_mut());
                if let (Some((piece, has_lead)), Some(anew)) = (piece, anew) {
                    anew[piece].learn(has_lead, tokens);
                }
                tokens
            })
        })
    }

    /// What a piece takes with or without its lead, if it was counted so.
    fn known(&self, piece: usize, has_lead: bool) -> Option<usize> {
        let known = match self.counted() {
            // Without leads each piece was counted as it stands.
            None => return Some(self.tokens(piece)),
            Some(known) if has_lead => known[piece].with_lead,
            Some(known) => known[piece].without_lead,
        };
        known.map(|tokens| tokens.get() as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The tokens of the whole text.
    pub(crate) fn whole(&self) -> usize {
        self.whole
    }

    pub(crate) fn is_additive(&self) -> bool {
        self.is_additive
    }

    pub(crate) fn range(&self, piece: usize) -> Range<usize> {
        let start = piece.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[piece]
    }

    /// The tokens of a piece, counted alone and without its lead.
    pub(crate) fn tokens(&self, piece: usize) -> usize {
        self.tokens[piece] as usize
    }

    /// Whether the whole text has bytes that are not said.
    pub(crate) fn has_leads(&self) -> bool {
        self.leads().is_some_and(|leads| leads.iter().skip(1).any(|lead| *lead > 0))
    }

    pub(crate) fn lead(&self, piece: usize) -> usize {
        self.leads().map_or(0, |leads| leads[piece])
    }

    /// Whether the pieces are lines of the texts in a call's arguments, with escaped line feeds.
    pub(crate) fn is_escaped(&self) -> bool {
        self.fixed().is_some()
    }

    pub(crate) fn is_fixed(&self, piece: usize) -> bool {
        self.fixed().is_some_and(|fixed| fixed[piece])
    }

    fn leads(&self) -> Option<&[usize]> {
        self.unusual.as_ref()?.leads.as_deref()
    }

    fn fixed(&self) -> Option<&[bool]> {
        self.unusual.as_ref()?.fixed.as_deref()
    }

    fn counted(&self) -> Option<&[Counted]> {
        self.unusual.as_ref()?.counted.as_deref()
    }
}

/// A part of a text that is put together anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// Where it ends.
    pub(crate) end: usize,
    /// The piece that it is, if any, and whether with its lead.
    pub(crate) piece: Option<(usize, bool)>,
}

/// Counts a text by its parts, of which `alone` says what one takes. Only parts that a token may
/// cross between are counted together.
fn count_joined<P>(
    text: &str,
    parts: impl IntoIterator<Item = (usize, P)>,
    counter: &dyn TokenCounter,
    mut alone: impl FnMut(P, &str) -> usize,
) -> usize {
    let mut sum = 0;
    let (mut start, mut is_alone) = (0, true);
    for (end, part) in parts {
        let ends = end == text.len() || counter.is_cut_safe(&text[..end], &text[end..]);
        if ends {
            let joined = &text[start..end];
            sum += if is_alone { alone(part, joined) } else { counter.count(joined) };
            start = end;
        }
        is_alone = ends;
    }
    sum
}

impl Counted {
    fn learn(&mut self, has_lead: bool, tokens: usize) {
        let known = if has_lead { &mut self.with_lead } else { &mut self.without_lead };
        *known = u32::try_from(tokens).ok().and_then(NonZeroU32::new);
    }
}

/// The end of a piece that is cut otherwise than by lines and sentences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) end: usize,
    /// How many of its first bytes are said only where the piece before it is not there.
    pub(crate) lead: usize,
    /// What it takes without those, about.
    pub(crate) tokens: u32,
    pub(crate) is_fixed: bool,
}

/// Where a text may be cut, in order, without its two ends; inside of lines that are longer than
/// `long`, too.
fn cuts(text: &str, long: usize) -> impl Iterator<Item = usize> {
    let (mut line_start, mut start) = (0, 0);
    let may_be_marked = text.contains(Marker::OPENING);
    let parts = line_ends(text).flat_map(move |end| {
        let line = line_start..end;
        line_start = end;
        let markers = if may_be_marked { around_markers(text, line) } else { Vec::new() };
        markers.into_iter().chain(std::iter::once(end))
    });
    parts.flat_map(move |end| {
        let line = start..end;
        start = end;
        let sentences = (line.len() > long).then(|| inside(text, line));
        sentences.into_iter().flatten().chain((end < text.len()).then_some(end))
    })
}

fn is_marker(piece: &str) -> bool {
    let piece = piece.trim();
    piece.starts_with(Marker::OPENING) && Marker::parse(piece).is_some()
}

/// Where the markers in a line begin and end, but for the ends of the line. The space before a
/// marker is its own.
fn around_markers(text: &str, line: Range<usize>) -> Vec<usize> {
    let mut places = Vec::new();
    for (at, marker) in Marker::all_in(&text[line.clone()]) {
        let before = text[line.start..line.start + at].trim_end();
        let end = line.start + at + marker.to_string().len();
        if !before.is_empty() {
            places.push(line.start + before.len());
        }
        if !text[end..line.end].trim().is_empty() {
            places.push(end);
        }
    }
    // Two next to each other have one place between them.
    places.dedup();
    places
}

/// The ends of the lines, blank lines that follow a line counted to it, and those before the first.
fn line_ends(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == bytes.len() {
            return None;
        }
        let mut seen_text = false;
        loop {
            let line = &bytes[at..];
            let length =
                line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |end| end + 1);
            let is_blank = line[..length].iter().all(u8::is_ascii_whitespace);
            if seen_text && !is_blank {
                return Some(at);
            }
            seen_text |= !is_blank;
            at += length;
            if at == bytes.len() {
                return Some(at);
            }
        }
    })
}

/// The ends of the sentences in a line but for the last, and of as much as makes a piece.
fn inside(text: &str, line: Range<usize>) -> impl Iterator<Item = usize> {
    let mut start = line.start;
    sentences(&text[line.clone()])
        .flat_map(move |sentence| {
            let (mut at, end) = (start, start + sentence.len());
            start = end;
            std::iter::from_fn(move || {
                at = if at == end { return None } else { at + piece_end(&text[at..end]) };
                Some(at)
            })
        })
        .take_while(move |at| *at < line.end)
}

/// Where a text is cut so that no piece is too long: before a space, if there is one.
fn piece_end(text: &str) -> usize {
    if text.len() <= MOST_BYTES {
        return text.len();
    }
    let end = floor_char_boundary(text, MOST_BYTES);
    let space = text[..end].rfind(' ').filter(|space| *space > 0);
    space.unwrap_or(end)
}
