//! The markers of earlier reductions.

use super::{Cause, Draft, PartId, UnitId};
use crate::error::ContextError;
use crate::recall::{Marker, RecallStore};

/// A marker that the store knows.
struct Known {
    part: PartId,
    unit: UnitId,
    /// The piece that it is, or none where the part is nothing else.
    piece: Option<usize>,
    tokens: usize,
    is_kept: bool,
}

impl Draft<'_> {
    /// Lets the markers of earlier reductions go, the oldest first, until together they keep within
    /// the allowance, and takes from the allowance what the others use. What they stood for is part
    /// of what a later marker stands for.
    pub(crate) fn trim_markers(&mut self, recall: &dyn RecallStore) -> Result<(), ContextError> {
        let known = self.known_markers(recall)?;
        let mut used: usize = known.iter().map(|marker| marker.tokens).sum();
        self.enter("markers");
        for marker in known.into_iter().filter(|marker| !marker.is_kept) {
            if used <= self.task.reserve {
                break;
            }
            match marker.piece {
                None => self.discard(marker.unit, Cause::OverBudget)?,
                Some(gone) => _ = self.cut(marker.part, |piece| piece == gone)?,
            }
            used -= marker.tokens;
        }
        self.task.reserve = self.task.reserve.saturating_sub(used);
        Ok(())
    }

    fn known_markers(&self, recall: &dyn RecallStore) -> Result<Vec<Known>, ContextError> {
        let is_known = |text: &str| match Marker::parse(text.trim()) {
            Some(marker) => {
                marker.is_known(recall).map_err(|source| ContextError::Recall { source })
            }
            None => Ok(false),
        };
        let mut known = Vec::new();
        for part in self.parts().filter(|part| part.text().contains(Marker::OPENING)) {
            let (id, unit, is_kept) = (part.id(), part.unit(), part.is_kept());
            let marker = |piece, tokens| Known { part: id, unit, piece, tokens, is_kept };
            let stands_alone = self.layout.members(unit.0).len() == 1;
            if stands_alone && is_known(part.text())? {
                known.push(marker(None, part.tokens()));
                continue;
            }
            for (index, piece) in part.pieces().enumerate() {
                if is_known(piece.text)? {
                    known.push(marker(Some(index), piece.tokens));
                }
            }
        }
        Ok(known)
    }
}
