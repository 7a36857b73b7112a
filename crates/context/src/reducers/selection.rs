use std::cmp::Reverse;

use super::{Cause, Draft, Unit, UnitId};
use super::{Loss, Reducer};
use crate::error::ContextError;
use crate::relevance::{Bm25, CorpusStats, Query, Score, TermCounts};
use crate::segment::Priority;

/// Fills the budget with the units that are worth the most, and drops the rest.
///
/// What must be kept comes first; then units by their priority, by their [`Bm25`] score for the
/// query, and the later before the earlier. A unit that no longer fits is passed over for smaller
/// ones after it, so that nothing dropped would still fit. Without a query, the latest stay. How
/// common a term is says the host's [`CorpusStats`], or else this context itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection;

impl Reducer for Selection {
    fn name(&self) -> &'static str {
        "selection"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let mut ranked: Vec<Ranked> = match draft.query() {
            Some(query) => by_relevance(draft, query),
            None => droppable(draft).map(|unit| Ranked::new(&unit, Score::default())).collect(),
        };
        ranked.sort_unstable_by_key(|unit| Reverse((unit.priority, unit.score, unit.id)));

        let kept = draft.units().filter(Unit::is_kept).map(|unit| unit.tokens()).sum();
        let mut room = draft.room().saturating_sub(kept);
        for unit in ranked {
            match room.checked_sub(unit.tokens) {
                Some(left) => room = left,
                None => draft.discard(unit.id, Cause::OverBudget)?,
            }
        }
        Ok(())
    }
}

struct Ranked {
    id: UnitId,
    tokens: usize,
    priority: Priority,
    score: Score,
}

impl Ranked {
    fn new(unit: &Unit<'_>, score: Score) -> Self {
        Self { id: unit.id(), tokens: unit.tokens(), priority: unit.priority(), score }
    }
}

fn droppable<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = Unit<'d>> {
    draft.units().filter(|unit| !unit.is_kept())
}

fn by_relevance(draft: &Draft<'_>, query: &Query) -> Vec<Ranked> {
    let mut scanner = query.scanner();
    let counted: Vec<(Unit<'_>, TermCounts)> = draft
        .units()
        .map(|unit| {
            let counts = unit.segments().map(|segment| scanner.count(segment.text()));
            (unit, counts.reduce(|a, b| a.merge(&b)).unwrap_or_default())
        })
        .collect();
    let own;
    let stats = if let Some(corpus) = draft.corpus() {
        corpus
    } else {
        let mut stats = CorpusStats::identity();
        for (_, counts) in &counted {
            stats.add(query, counts);
        }
        own = stats;
        &own
    };
    let bm25 = Bm25::new(query, stats);
    counted
        .iter()
        .filter(|(unit, _)| !unit.is_kept())
        .map(|(unit, counts)| Ranked::new(unit, bm25.score(counts)))
        .collect()
}
