use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::error::ContextError;
use crate::reducers::{Cause, Draft, PartId, UnitId};

/// Which pieces stay.
pub(super) struct Choice {
    pieces: BTreeMap<PartId, BTreeSet<usize>>,
}

impl Choice {
    pub(super) fn of(stays: impl Iterator<Item = (PartId, Range<usize>)>) -> Self {
        let mut pieces: BTreeMap<PartId, BTreeSet<usize>> = BTreeMap::new();
        for (part, range) in stays {
            pieces.entry(part).or_default().extend(range);
        }
        Self { pieces }
    }

    /// The tokens of what stays and need not.
    pub(super) fn tokens(&self, draft: &Draft<'_>) -> usize {
        let units = draft.units().filter(|unit| !unit.is_kept());
        let staying = units.filter(|unit| unit.parts().any(|part| self.has(part.id())));
        let parts = staying.flat_map(|unit| unit.parts());
        parts
            .map(|part| draft.tokens_without(part.id(), |piece| self.drops(part.id(), piece)))
            .sum()
    }

    pub(super) fn apply(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let mut goes: Vec<UnitId> = Vec::new();
        let mut shortened: Vec<PartId> = Vec::new();
        for unit in draft.units().filter(|unit| !unit.is_kept()) {
            let parts = unit.parts().map(|part| part.id());
            if unit.tokens() > 0 && !parts.clone().any(|part| self.has(part)) {
                goes.push(unit.id());
            } else {
                shortened.extend(parts);
            }
        }
        goes.into_iter().try_for_each(|unit| draft.discard(unit, Cause::OverBudget))?;
        for part in shortened {
            draft.cut(part, |piece| self.drops(part, piece))?;
        }
        Ok(())
    }

    fn has(&self, part: PartId) -> bool {
        self.pieces.contains_key(&part)
    }

    fn drops(&self, part: PartId, piece: usize) -> bool {
        self.pieces.get(&part).is_none_or(|pieces| !pieces.contains(&piece))
    }
}
