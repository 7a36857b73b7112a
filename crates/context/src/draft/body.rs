use std::ops::Range;
use std::sync::Arc;

use super::Piece;
use crate::count::TokenCounter;
use crate::segment::{Cut, Kind, Pieces, Segment, Shown};

/// What a draft has of one segment: a text, and which of its pieces are gone.
#[derive(Debug)]
pub(super) struct Body {
    text: Arc<str>,
    pieces: Arc<Pieces>,
    /// Apart, for there are many bodies and most are as they were.
    change: Option<Box<Change>>,
}

/// What reducers have made of a body.
#[derive(Debug)]
struct Change {
    gone: Option<Box<[bool]>>,
    tokens: usize,
    rewritten: bool,
    /// The reducers that changed it, in order.
    reducers: Vec<Arc<str>>,
}

impl Body {
    pub(super) fn of(segment: &Segment, counter: &dyn TokenCounter) -> Self {
        Self { text: Arc::clone(segment.text()), pieces: segment.pieces(counter), change: None }
    }

    /// The same said in other words.
    pub(super) fn rewritten(
        &self,
        kind: Kind,
        text: String,
        counter: &dyn TokenCounter,
        reducer: &Arc<str>,
    ) -> Self {
        let pieces = Pieces::of(kind, &text, counter);
        let change = Change {
            gone: None,
            tokens: pieces.whole(),
            rewritten: true,
            reducers: self.reducers_with(reducer),
        };
        Self { text: text.into(), pieces: Arc::new(pieces), change: Some(change.into()) }
    }

    /// The same text in other pieces, without those for which `goes` holds.
    pub(super) fn recut(
        &self,
        cuts: &[Cut],
        goes: impl FnMut(usize) -> bool,
        counter: &dyn TokenCounter,
        reducer: &Arc<str>,
    ) -> Self {
        let pieces = Arc::new(self.pieces.recut(cuts));
        let uncut = Self { text: Arc::clone(&self.text), pieces, change: None };
        let gone = uncut.gone_with(goes);
        self.changed(uncut.pieces, gone, counter, reducer)
    }

    /// The same without some pieces; nothing where none of them is there to go.
    pub(super) fn without(
        &self,
        goes: impl FnMut(usize) -> bool,
        counter: &dyn TokenCounter,
        reducer: &Arc<str>,
    ) -> Option<Self> {
        let gone = self.gone_with(goes)?;
        Some(self.changed(Arc::clone(&self.pieces), Some(gone), counter, reducer))
    }

    /// The same text in these pieces, some of which are gone.
    fn changed(
        &self,
        pieces: Arc<Pieces>,
        gone: Option<Box<[bool]>>,
        counter: &dyn TokenCounter,
        reducer: &Arc<str>,
    ) -> Self {
        let (rewritten, reducers) = (self.is_rewritten(), self.reducers_with(reducer));
        let change = Change { gone, tokens: 0, rewritten, reducers };
        let text = Arc::clone(&self.text);
        let mut body = Self { text, pieces, change: Some(change.into()) };
        let tokens = body.measure(counter);
        if let Some(change) = &mut body.change {
            change.tokens = tokens;
        }
        body
    }

    /// Which pieces are gone then; nothing where none of them is there to go.
    fn gone_with(&self, mut goes: impl FnMut(usize) -> bool) -> Option<Box<[bool]>> {
        let mut shorter = false;
        let gone: Box<[bool]> = (0..self.pieces.len())
            .map(|piece| {
                let was_gone = self.is_gone(piece);
                let goes = !was_gone && !self.pieces.is_fixed(piece) && goes(piece);
                shorter |= goes;
                was_gone || goes
            })
            .collect();
        shorter.then_some(gone)
    }

    fn measure(&mut self, counter: &dyn TokenCounter) -> usize {
        let sum = if self.pieces.is_additive() { self.sum(counter) } else { None };
        sum.unwrap_or_else(|| {
            let mut parts = Vec::with_capacity(self.pieces.len());
            let text = self.render(|_, _| None, |part| parts.push(part));
            Arc::make_mut(&mut self.pieces).measure(&text, &parts, counter)
        })
    }

    /// What the pieces that are there count one by one, where that is what they count together: each
    /// is known to be safe next to its neighbour, but not yet next to what is behind a gap.
    fn sum(&self, counter: &dyn TokenCounter) -> Option<usize> {
        let there = (0..self.pieces.len()).filter(|piece| !self.is_gone(*piece));
        let mut sum: usize = there.map(|piece| self.pieces.tokens(piece)).sum();
        for gap in self.gaps() {
            let bytes = self.bytes(&gap);
            let (before, after) = (&self.text[..bytes.start], &self.text[bytes.end..]);
            if before.is_empty() || after.is_empty() {
                continue;
            }
            let line_end = self.line_end_of(&gap);
            let is_safe = if line_end.is_empty() {
                counter.is_cut_safe(before, after)
            } else {
                let last = gap.start - 1;
                let closed = format!("{}{line_end}", &self.text[self.pieces.range(last)]);
                sum = sum - self.pieces.tokens(last) + counter.count(&closed);
                counter.is_cut_safe(&closed, after)
            };
            if !is_safe {
                return None;
            }
        }
        Some(sum)
    }

    /// What ends the line that a gap without a marker leaves open: nothing, or a line feed.
    fn line_end_of(&self, gap: &Range<usize>) -> &'static str {
        let bytes = self.bytes(gap);
        if self.is_line_start(bytes.start) || bytes.end == self.text.len() {
            ""
        } else {
            self.line_end_before(bytes.end)
        }
    }

    /// Whether a line begins at a byte where a piece does.
    pub(super) fn is_line_start(&self, at: usize) -> bool {
        let before = &self.text[..at];
        // Only the lines of a call's arguments are fixed in part, and escaped.
        before.is_empty() || before.ends_with('\n') || self.pieces.is_escaped()
    }

    /// The end of the line that ends at a byte where a piece does, if one does.
    pub(super) fn line_end_before(&self, at: usize) -> &'static str {
        let text = &self.text[..at];
        match () {
            () if text.ends_with("\r\n") => "\r\n",
            () if text.ends_with('\n') => "\n",
            () if self.pieces.is_escaped() && text.ends_with("\\n") => "\\n",
            () => "",
        }
    }

    fn reducers_with(&self, reducer: &Arc<str>) -> Vec<Arc<str>> {
        let mut reducers = self.reducers().to_vec();
        if reducers.last() != Some(reducer) {
            reducers.push(Arc::clone(reducer));
        }
        reducers
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn tokens(&self) -> usize {
        self.change.as_ref().map_or(self.pieces.whole(), |change| change.tokens)
    }

    /// Whether it says what its segment said, byte for byte.
    pub(super) fn is_whole(&self) -> bool {
        !self.has_gaps() && !self.is_rewritten() && !self.pieces.has_leads()
    }

    pub(super) fn has_gaps(&self) -> bool {
        self.gone().is_some()
    }

    pub(super) fn is_rewritten(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.rewritten)
    }

    pub(super) fn reducers(&self) -> &[Arc<str>] {
        self.change.as_ref().map_or(&[], |change| &change.reducers)
    }

    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn piece(&self, piece: usize) -> Piece<'_> {
        let range = self.pieces.range(piece);
        let lead = self.pieces.lead(piece);
        Piece {
            text: &self.text[range.start + lead..range.end],
            lead: &self.text[range.start..range.start + lead],
            tokens: self.pieces.tokens(piece),
            is_gone: self.is_gone(piece),
            is_fixed: self.pieces.is_fixed(piece),
        }
    }

    fn is_gone(&self, piece: usize) -> bool {
        self.gone().is_some_and(|gone| gone[piece])
    }

    fn gone(&self) -> Option<&[bool]> {
        self.change.as_ref()?.gone.as_deref()
    }

    /// The runs of adjacent pieces that are gone, as ranges of pieces.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let gone = self.gone()?;
            let start = at + gone[at..].iter().position(|gone| *gone)?;
            let length = gone[start..].iter().position(|gone| !*gone);
            at = length.map_or(gone.len(), |length| start + length);
            Some(start..at)
        })
    }

    /// The bytes of a range of pieces.
    pub(super) fn bytes(&self, pieces: &Range<usize>) -> Range<usize> {
        self.pieces.range(pieces.start).start..self.pieces.range(pieces.end - 1).end
    }

    /// The tokens of a range of pieces.
    pub(super) fn tokens_of(&self, pieces: Range<usize>) -> usize {
        pieces.map(|piece| self.pieces.tokens(piece)).sum()
    }

    /// Counts what was [rendered](Self::render) of it, and what was added.
    pub(super) fn count(&self, text: &str, shown: &[Shown], counter: &dyn TokenCounter) -> usize {
        self.pieces.count(text, shown, counter)
    }

    /// What is there, with what `filler` puts in the place of a gap; `visit` is told each part of it.
    pub(super) fn render(
        &self,
        mut filler: impl FnMut(&Self, Range<usize>) -> Option<String>,
        mut visit: impl FnMut(Shown),
    ) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut gaps = self.gaps().peekable();
        let mut piece = 0;
        while piece < self.pieces.len() {
            if let Some(gap) = gaps.next_if(|gap| gap.start == piece) {
                piece = gap.end;
                match filler(self, gap.clone()) {
                    Some(filler) => text.push_str(&filler),
                    None => text.push_str(self.line_end_of(&gap)),
                }
                visit(Shown { end: text.len(), piece: None });
                continue;
            }
            let range = self.pieces.range(piece);
            let shows_lead = piece == 0 || self.is_gone(piece - 1);
            let start =
                if shows_lead { range.start } else { range.start + self.pieces.lead(piece) };
            text.push_str(&self.text[start..range.end]);
            visit(Shown { end: text.len(), piece: Some((piece, shows_lead)) });
            piece += 1;
        }
        text
    }
}
