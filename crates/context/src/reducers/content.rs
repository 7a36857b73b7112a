//! What the text of a part is, whatever its segment is called.

use super::{Draft, Part, PartId, Unit};
use crate::segment::{Kind, Source};

/// A text of fewer lines is not worth folding.
const FEWEST_LINES: usize = 16;

impl Part<'_> {
    /// What the text is: for what a host calls a file or the result of a tool, what it looks like.
    pub(super) fn content(&self) -> Kind {
        let segment = self.segment();
        match segment.kind() {
            Kind::File | Kind::ToolResult if self.is_long() => {
                Kind::detect(segment.text(), segment.source().map(Source::name))
            }
            kind => kind,
        }
    }

    fn is_long(&self) -> bool {
        self.segment().text().lines().nth(FEWEST_LINES - 1).is_some()
    }

    /// Whether it is as it was given, and may change.
    fn is_open(&self) -> bool {
        self.is_whole() && !self.is_kept()
    }
}

/// The parts of a kind that are as they were given, and may change.
pub(super) fn open_parts(draft: &Draft<'_>, kind: Kind) -> Vec<PartId> {
    let parts = draft.parts().filter(|part| part.is_open() && part.content() == kind);
    parts.map(|part| part.id()).collect()
}

/// How much of the room falls to a part, where all that may change shrinks alike.
pub(super) struct Share {
    room: usize,
    all: usize,
}

impl Share {
    pub(super) fn of(draft: &Draft<'_>) -> Self {
        let kept = draft.kept_tokens();
        let (room, all) = (draft.room().saturating_sub(kept), draft.tokens().saturating_sub(kept));
        Self { room, all }
    }

    /// As much as falls to a part of so many tokens.
    pub(super) fn room_for(&self, tokens: usize) -> usize {
        let share = tokens as u128 * self.room as u128 / (self.all as u128).max(1);
        usize::try_from(share).unwrap_or(tokens).min(tokens)
    }
}

/// Whether what other reducers have made as small as it shall be can stay so: with what is fixed of
/// its units, such as the call that a result answers, it fits beside what must be kept.
pub(super) fn settled_fits(draft: &Draft<'_>) -> bool {
    let is_settled = |unit: &Unit<'_>| unit.parts().any(|part| part.is_rewritten());
    let settled = draft.units().filter(|unit| !unit.is_kept() && is_settled(unit));
    let tokens: usize = settled.flat_map(|unit| unit.parts()).map(least_tokens).sum();
    draft.kept_tokens() + tokens <= draft.room()
}

/// What a part of a unit that stays settled takes at least.
fn least_tokens(part: Part<'_>) -> usize {
    if part.is_rewritten() { part.tokens() } else { part.fixed_tokens() }
}
