use std::collections::HashMap;

use super::{Cause, Draft, Unit};
use super::{Loss, Reducer};
use crate::error::ContextError;
use crate::segment::{Kind, Priority, Role};

/// Drops what another unit says word for word, wherever the two were read.
///
/// It loses nothing, for the other copy stays: one that must be kept, or else one of the highest
/// priority, or else the last, which in a transcript is the one that the next turn answers. The report names it. Turns of the user and of
/// the model are left alone, for their meaning is also their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactDuplicates;

impl Reducer for ExactDuplicates {
    fn name(&self) -> &'static str {
        "exact-duplicates"
    }

    fn loss(&self) -> Loss {
        Loss::Lossless
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let is_turn = |unit: &Unit<'_>| unit.segments().any(|segment| segment.kind().is_turn());
        let mut groups: HashMap<_, usize> = HashMap::new();
        let mut staying: Vec<Unit<'_>> = Vec::new();
        let mut copies = Vec::new();
        for unit in draft.units().filter(|unit| !is_turn(unit)) {
            let group = *groups.entry(content(&unit)).or_insert(staying.len());
            match staying.get_mut(group) {
                Some(other) if rank(other) > rank(&unit) => {}
                Some(other) => *other = unit,
                None => staying.push(unit),
            }
            copies.push((unit, group));
        }
        let dropped: Vec<_> = copies
            .into_iter()
            .filter(|(unit, _)| !unit.is_kept())
            .map(|(unit, group)| (unit.id(), staying[group].id()))
            .filter(|(unit, staying)| unit != staying)
            .collect();
        dropped
            .into_iter()
            .try_for_each(|(unit, staying)| draft.discard(unit, Cause::DuplicateOf(staying)))
    }
}

/// How long it stays.
fn rank(unit: &Unit<'_>) -> (bool, Priority) {
    (unit.is_kept(), unit.priority())
}

fn content<'d>(unit: &Unit<'d>) -> Vec<(Role, Kind, &'d str)> {
    unit.segments().map(|segment| (segment.role(), segment.kind(), &**segment.text())).collect()
}
