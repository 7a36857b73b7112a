//! What the text of a part is, whatever its segment is called.

use super::{Draft, Part, PartId};
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

/// As much of the room as falls to parts of so many tokens, where all that may change shrinks alike.
pub(super) fn share(draft: &Draft<'_>, tokens: usize) -> usize {
    let kept = draft.kept_tokens();
    let (room, all) = (draft.room().saturating_sub(kept), draft.tokens().saturating_sub(kept));
    let share = tokens as u128 * room as u128 / (all as u128).max(1);
    usize::try_from(share).unwrap_or(tokens).min(tokens)
}

/// Whether what other reducers have made as small as it shall be can stay so: it fits beside what must
/// be kept.
pub(super) fn settled_fits(draft: &Draft<'_>) -> bool {
    let settled = draft.parts().filter(|part| part.is_rewritten() && !part.is_kept());
    let tokens: usize = settled.map(|part| part.tokens()).sum();
    draft.kept_tokens() + tokens <= draft.room()
}
