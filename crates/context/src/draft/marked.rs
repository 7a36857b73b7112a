//! The markers of earlier reductions.

use std::collections::BTreeMap;

use super::{Cause, Draft, PartId, UnitId};
use crate::error::ContextError;
use crate::recall::{Marker, RecallStore};
use crate::segment::Kind;

/// A marker that the store knows.
struct Known {
    part: PartId,
    unit: UnitId,
    /// The piece that it is, or none where the part is nothing else.
    piece: Option<usize>,
    tokens: usize,
    may_go: bool,
}

impl Draft<'_> {
    /// Lets the markers of earlier reductions go, the oldest first, until together they keep within
    /// the allowance, and takes from the allowance what the others use. What they stood for is part
    /// of what a later marker stands for.
    pub(crate) fn trim_markers(&mut self, recall: &dyn RecallStore) -> Result<(), ContextError> {
        let known = self.known_markers(recall)?;
        let mut used: usize = known.iter().map(|marker| marker.tokens).sum();
        self.enter("markers");
        // Of each part at once, for each cut of a part takes time for all of it.
        let mut cuts: BTreeMap<PartId, BTreeMap<usize, usize>> = BTreeMap::new();
        for marker in known.into_iter().filter(|marker| marker.may_go) {
            if used <= self.task.reserve {
                break;
            }
            match marker.piece {
                None => self.discard(marker.unit, Cause::OverBudget)?,
                Some(piece) => {
                    _ = cuts.entry(marker.part).or_default().insert(piece, marker.tokens);
                }
            }
            used -= marker.tokens;
        }
        for (part, pieces) in cuts {
            if !self.cut(part, |piece| pieces.contains_key(&piece))? {
                used += pieces.values().sum::<usize>();
            }
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
            let marker = |piece, tokens, is_fixed: bool| {
                let may_go = !is_kept && !is_fixed;
                Known { part: id, unit, piece, tokens, may_go }
            };
            let stands_alone = self.layout.members(unit.index()).len() == 1;
            if stands_alone && is_known(part.text())? {
                known.push(marker(None, part.tokens(), false));
                continue;
            }
            let is_call = part.segment().kind() == Kind::ToolCall;
            for (index, piece) in part.pieces().enumerate() {
                // In the arguments of a call line ends are escaped.
                let line = if is_call { piece.text.trim_end_matches(r"\n") } else { piece.text };
                if is_known(line)? {
                    known.push(marker(Some(index), piece.tokens, piece.is_fixed));
                }
            }
        }
        Ok(known)
    }
}
