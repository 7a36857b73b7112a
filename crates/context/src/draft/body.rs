use std::ops::Range;
use std::sync::Arc;

use super::Piece;
use crate::count::TokenCounter;
use crate::segment::{Cut, Kind, Pieces, Segment};

/// What a draft has of one segment: a text, and which of its pieces are gone.
#[derive(Debug, Clone)]
pub(super) struct Body {
    text: Arc<str>,
    pieces: Arc<Pieces>,
    gone: Option<Box<[bool]>>,
    tokens: usize,
    rewritten: bool,
    /// The reducers that changed it, in order.
    reducers: Vec<Arc<str>>,
}

impl Body {
    pub(super) fn of(segment: &Segment, counter: &dyn TokenCounter) -> Self {
        let pieces = segment.pieces(counter);
        Self {
            text: Arc::clone(segment.text()),
            tokens: pieces.whole(),
            pieces,
            gone: None,
            rewritten: false,
            reducers: Vec::new(),
        }
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
        Self {
            text: text.into(),
            tokens: pieces.whole(),
            pieces: Arc::new(pieces),
            gone: None,
            rewritten: true,
            reducers: self.reducers_with(reducer),
        }
    }

    /// The same text in other pieces, none of which is gone.
    pub(super) fn recut(&self, cuts: &[Cut], counter: &dyn TokenCounter) -> Self {
        let pieces = Arc::new(Pieces::cut(cuts, self.pieces.whole()));
        let mut body = Self { pieces, gone: None, ..self.clone() };
        body.tokens = body.measure(counter);
        body
    }

    /// The same without some pieces; nothing where none of them is there to go.
    pub(super) fn without(
        &self,
        mut goes: impl FnMut(usize) -> bool,
        counter: &dyn TokenCounter,
        reducer: &Arc<str>,
    ) -> Option<Self> {
        let mut shorter = false;
        let gone: Box<[bool]> = (0..self.pieces.len())
            .map(|piece| {
                let was_gone = self.is_gone(piece);
                let goes = !was_gone && !self.pieces.is_fixed(piece) && goes(piece);
                shorter |= goes;
                was_gone || goes
            })
            .collect();
        if !shorter {
            return None;
        }
        let mut body =
            Self { gone: Some(gone), reducers: self.reducers_with(reducer), ..self.clone() };
        body.tokens = body.measure(counter);
        Some(body)
    }

    fn measure(&self, counter: &dyn TokenCounter) -> usize {
        if !self.pieces.is_additive() {
            return counter.count(&self.render(|_, _| None));
        }
        let there = (0..self.pieces.len()).filter(|piece| !self.is_gone(*piece));
        let sum: usize = there.map(|piece| self.pieces.tokens(piece)).sum();
        // A line feed that is put in for a gap is counted with the piece before it.
        let joined = self.gaps().filter(|gap| !self.line_end_of(gap).is_empty()).map(|gap| {
            let before = gap.start - 1;
            let piece = format!("{}\n", &self.text[self.pieces.range(before)]);
            counter.count(&piece) - self.pieces.tokens(before)
        });
        sum + joined.sum::<usize>()
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
            () if text.ends_with('\n') => "\n",
            () if self.pieces.is_escaped() && text.ends_with("\\n") => "\\n",
            () => "",
        }
    }

    pub(super) fn changed_by(self, reducer: &Arc<str>) -> Self {
        Self { reducers: self.reducers_with(reducer), ..self }
    }

    fn reducers_with(&self, reducer: &Arc<str>) -> Vec<Arc<str>> {
        let mut reducers = self.reducers.clone();
        if reducers.last() != Some(reducer) {
            reducers.push(Arc::clone(reducer));
        }
        reducers
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Whether it says what its segment said, byte for byte.
    pub(super) fn is_whole(&self) -> bool {
        self.gone.is_none() && !self.rewritten && !self.pieces.has_leads()
    }

    pub(super) fn has_gaps(&self) -> bool {
        self.gone.is_some()
    }

    pub(super) fn is_rewritten(&self) -> bool {
        self.rewritten
    }

    pub(super) fn reducers(&self) -> &[Arc<str>] {
        &self.reducers
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
        self.gone.as_ref().is_some_and(|gone| gone[piece])
    }

    /// The runs of adjacent pieces that are gone, as ranges of pieces.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let gone = self.gone.as_ref()?;
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

    /// What is there, with what `filler` puts in the place of a gap.
    pub(super) fn render(
        &self,
        mut filler: impl FnMut(&Self, Range<usize>) -> Option<String>,
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
                continue;
            }
            let range = self.pieces.range(piece);
            let shows_lead = piece == 0 || self.is_gone(piece - 1);
            let start =
                if shows_lead { range.start } else { range.start + self.pieces.lead(piece) };
            text.push_str(&self.text[start..range.end]);
            piece += 1;
        }
        text
    }
}
