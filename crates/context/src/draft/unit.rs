use std::ops::Range;

use super::Draft;
use super::body::Body;
use crate::segment::{Priority, Segment};

/// Names a unit of one draft. Units are ordered by their first segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(u32);

/// Names what a draft has of one segment. Parts are ordered as the segments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(u32);

/// There are many units and parts, and their names are kept small.
pub(super) fn small(place: usize) -> u32 {
    u32::try_from(place).expect("a context has fewer than 2³² segments")
}

impl UnitId {
    pub(super) fn new(unit: usize) -> Self {
        Self(small(unit))
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl PartId {
    pub(super) fn new(part: usize) -> Self {
        Self(small(part))
    }

    /// The place of its segment in the context, counted from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a reducer drops a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The same is said, segment by segment, by another unit.
    DuplicateOf(UnitId),
    /// Nearly the same is said by another unit.
    SimilarTo(UnitId),
    /// A later unit has made it obsolete.
    SupersededBy(UnitId),
    /// Others were worth more of the budget.
    OverBudget,
}

impl Cause {
    /// The unit that stays in its stead.
    pub(super) fn twin(self) -> Option<usize> {
        match self {
            Self::DuplicateOf(unit) | Self::SimilarTo(unit) | Self::SupersededBy(unit) => {
                Some(unit.index())
            }
            Self::OverBudget => None,
        }
    }
}

/// What is kept or dropped as one: a tool call with its result, or a single segment.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'d> {
    draft: &'d Draft<'d>,
    unit: usize,
}

impl<'d> Unit<'d> {
    pub(super) fn new(draft: &'d Draft<'_>, unit: usize) -> Self {
        Self { draft, unit }
    }

    /// The unit's name in its draft.
    pub fn id(&self) -> UnitId {
        UnitId::new(self.unit)
    }

    /// Its segments as they were given, at least one, in order.
    pub fn segments(&self) -> impl Iterator<Item = &'d Segment> + Clone + use<'d> {
        let draft = self.draft;
        self.members().map(move |part| &draft.segments[part])
    }

    /// What the draft has of each of its segments, in order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'d>> + Clone + use<'d> {
        let draft = self.draft;
        self.members().map(move |part| Part::new(draft, part))
    }

    /// The tokens of all its parts.
    pub fn tokens(&self) -> usize {
        self.parts().map(|part| part.tokens()).sum()
    }

    /// Whether it must be kept: one of its segments is pinned, or it is a pending call.
    pub fn is_kept(&self) -> bool {
        self.draft.units[self.unit].is_kept
    }

    /// The highest priority of its segments.
    pub fn priority(&self) -> Priority {
        self.segments().map(Segment::priority).max().unwrap_or_default()
    }

    fn members(&self) -> impl Iterator<Item = usize> + Clone + use<'d> {
        self.draft.layout.members(self.unit)
    }
}

/// What a draft has of one segment.
#[derive(Debug, Clone, Copy)]
pub struct Part<'d> {
    draft: &'d Draft<'d>,
    part: usize,
}

impl<'d> Part<'d> {
    pub(super) fn new(draft: &'d Draft<'_>, part: usize) -> Self {
        Self { draft, part }
    }

    /// The part's name in its draft.
    pub fn id(&self) -> PartId {
        PartId::new(self.part)
    }

    /// The unit that it is of.
    pub fn unit(&self) -> UnitId {
        UnitId::new(self.draft.layout.unit_of(self.part))
    }

    /// The segment as it was given.
    pub fn segment(&self) -> &'d Segment {
        &self.draft.segments[self.part]
    }

    /// Whether its unit must be kept as it is.
    pub fn is_kept(&self) -> bool {
        self.draft.state_of(self.part).is_kept
    }

    /// Whether it says what the segment said.
    pub fn is_whole(&self) -> bool {
        self.body().is_whole()
    }

    /// Whether some of its pieces are gone.
    pub fn has_gaps(&self) -> bool {
        self.body().has_gaps()
    }

    /// Whether a reducer has said it in other words.
    pub fn is_rewritten(&self) -> bool {
        self.body().is_rewritten()
    }

    /// The tokens of what is there.
    pub fn tokens(&self) -> usize {
        self.body().tokens()
    }

    /// The tokens of the pieces that are there as long as it is.
    pub(crate) fn fixed_tokens(&self) -> usize {
        let fixed = self.pieces().filter(|piece| piece.is_fixed && !piece.is_gone);
        fixed.map(|piece| piece.tokens).sum()
    }

    /// The text that its [pieces](Self::pieces) are of: the segment's, or what a reducer has made of
    /// it. Pieces that are gone are still in it.
    pub fn text(&self) -> &'d str {
        self.body().text()
    }

    /// The pieces of the text, those that are gone among them: lines, and sentences of long lines.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = Piece<'d>> + Clone + use<'d> {
        let body = self.body();
        (0..body.pieces()).map(move |index| body.piece(index))
    }

    /// The text of these pieces, at least one, with the first one's lead.
    pub(crate) fn text_of(&self, pieces: Range<usize>) -> &'d str {
        &self.text()[self.body().bytes(&pieces)]
    }

    fn body(&self) -> &'d Body {
        &self.draft.bodies[self.part]
    }
}

/// A line with the blank lines after it, or a sentence of a long line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece<'d> {
    /// Its bytes, line end included, without the [lead](Self::lead).
    pub text: &'d str,
    /// What stands before it only where the piece before it is not there, such as the number of the
    /// first of several lines.
    pub lead: &'d str,
    /// Its tokens, as near as one piece can be counted alone.
    pub tokens: usize,
    /// Whether it has been dropped.
    pub is_gone: bool,
    /// Whether it is there as long as the part is, as the braces of a call's arguments are.
    pub is_fixed: bool,
}
