use crate::draft::Shorter;
use crate::error::ContextError;
use crate::reducers::{Cause, Draft, Part, PartId, UnitId};

/// What goes of a draft, and what is left then.
pub(in crate::reducers) struct Choice {
    goes: Vec<(UnitId, Cause)>,
    shorter: Vec<(PartId, Shorter)>,
    /// The tokens of what stays.
    pub(super) tokens: usize,
}

impl Choice {
    /// Of a draft what must stay. All other units are dropped, or their parts kept or shortened.
    pub(in crate::reducers) fn begin(draft: &Draft<'_>) -> Self {
        Self { goes: Vec::new(), shorter: Vec::new(), tokens: draft.kept_tokens() }
    }

    /// Of a draft what must stay, and nothing else that costs anything.
    pub(super) fn nothing_else(draft: &Draft<'_>) -> Self {
        let mut choice = Self::begin(draft);
        for unit in draft.units().filter(|unit| !unit.is_kept() && unit.tokens() > 0) {
            choice.drop_unit(unit.id(), Cause::OverBudget);
        }
        choice
    }

    pub(in crate::reducers) fn drop_unit(&mut self, unit: UnitId, cause: Cause) {
        self.goes.push((unit, cause));
    }

    pub(in crate::reducers) fn keep(&mut self, part: &Part<'_>) {
        self.tokens += part.tokens();
    }

    pub(in crate::reducers) fn shorten(&mut self, part: &Part<'_>, shorter: Shorter) {
        if shorter.tokens() < part.tokens() {
            self.tokens += shorter.tokens();
            self.shorter.push((part.id(), shorter));
        } else {
            self.keep(part);
        }
    }

    pub(in crate::reducers) fn apply(self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        for (unit, cause) in self.goes {
            draft.discard(unit, cause)?;
        }
        for (part, shorter) in self.shorter {
            draft.adopt(part, shorter)?;
        }
        Ok(())
    }
}
