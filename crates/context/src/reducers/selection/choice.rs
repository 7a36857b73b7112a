use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::draft::Shorter;
use crate::error::ContextError;
use crate::reducers::{Cause, Draft, PartId, UnitId};

/// Which pieces stay, and what that comes to.
pub(super) struct Choice {
    goes: Vec<UnitId>,
    shorter: Vec<(PartId, Shorter)>,
    /// The tokens of what stays.
    pub(super) tokens: usize,
}

impl Choice {
    /// Of what need not stay only these pieces do.
    pub(super) fn of(draft: &Draft<'_>, stays: impl Iterator<Item = (PartId, Range<usize>)>) -> Self {
        let mut pieces: BTreeMap<PartId, BTreeSet<usize>> = BTreeMap::new();
        for (part, range) in stays {
            pieces.entry(part).or_default().extend(range);
        }
        let mut choice = Self { goes: Vec::new(), shorter: Vec::new(), tokens: draft.kept_tokens() };
        for unit in draft.units().filter(|unit| !unit.is_kept()) {
            let stays = unit.tokens() == 0 || unit.parts().any(|part| pieces.contains_key(&part.id()));
            if !stays {
                choice.goes.push(unit.id());
                continue;
            }
            for part in unit.parts() {
                let of_part = pieces.get(&part.id());
                let goes = |piece| of_part.is_none_or(|pieces| !pieces.contains(&piece));
                match draft.without(part.id(), goes) {
                    Some(shorter) => {
                        choice.tokens += shorter.tokens();
                        choice.shorter.push((part.id(), shorter));
                    }
                    None => choice.tokens += part.tokens(),
                }
            }
        }
        choice
    }

    pub(super) fn apply(self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        for unit in self.goes {
            draft.discard(unit, Cause::OverBudget)?;
        }
        for (part, shorter) in self.shorter {
            draft.adopt(part, shorter)?;
        }
        Ok(())
    }
}
