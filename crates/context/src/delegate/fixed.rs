use crate::draft::{Layout, is_pending};
use crate::error::ContextError;
use crate::segment::{Kind, Priority, Segment};

/// What cannot be separated.
#[derive(Debug)]
pub(super) struct Fixed {
    /// The units, each with the places of its segments, in order.
    units: Vec<Vec<usize>>,
    /// Of each segment.
    standing: Vec<Standing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Separable,
    /// It waits for its answer here.
    Pending,
    /// It is wanted everywhere.
    Required,
}

impl Fixed {
    pub(super) fn of(segments: &[Segment]) -> Result<Self, ContextError> {
        let layout = Layout::new(segments)?;
        let units: Vec<Vec<usize>> =
            (0..layout.units()).map(|unit| layout.members(unit).collect()).collect();
        let mut standing = vec![Standing::Separable; segments.len()];
        for unit in &units {
            let members = unit.iter().map(|place| &segments[*place]);
            let of_unit = if members.clone().any(is_required) {
                Standing::Required
            } else if is_pending(members) {
                Standing::Pending
            } else {
                continue;
            };
            for place in unit {
                standing[*place] = of_unit;
            }
        }
        Ok(Self { units, standing })
    }

    /// What all are given.
    pub(super) fn requirements<'s>(
        &self,
        segments: &'s [Segment],
    ) -> impl Iterator<Item = &'s Segment> {
        let required = self.standing.iter().map(|standing| *standing == Standing::Required);
        segments.iter().zip(required).filter(|(_, is_required)| *is_required).map(|(s, _)| s)
    }

    /// What stays in any case: the requirements, and calls that have no answer.
    pub(super) fn staying<'s>(&self, segments: &'s [Segment]) -> impl Iterator<Item = &'s Segment> {
        let stays = self.standing.iter().map(|standing| *standing != Standing::Separable);
        segments.iter().zip(stays).filter(|(_, stays)| *stays).map(|(segment, _)| segment)
    }

    /// The units that can be separated, in order.
    pub(super) fn separable(&self) -> Vec<Vec<usize>> {
        let is_separable =
            |unit: &&Vec<usize>| unit.iter().all(|at| self.standing[*at] == Standing::Separable);
        self.units.iter().filter(is_separable).cloned().collect()
    }
}

fn is_required(segment: &Segment) -> bool {
    segment.is_pinned()
        || matches!(segment.kind(), Kind::System | Kind::Instruction)
        || segment.priority() == Priority::High
}
