use std::collections::HashMap;
use std::ops::Range;

use crate::error::ContextError;
use crate::segment::{Kind, PairId, Segment, SegmentId};

/// Which segments make a unit, checked for what no unit may be.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The indices of all segments, unit by unit.
    members: Vec<usize>,
    /// Where each unit's members are.
    units: Vec<Range<usize>>,
    unit_of: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(segments: &[Segment]) -> Result<Self, ContextError> {
        check_ids(segments)?;
        check_calls(segments)?;
        let (unit_of, count) = assign_units(segments);
        let mut ends = vec![0_usize; count];
        for unit in &unit_of {
            ends[*unit] += 1;
        }
        let mut start = 0;
        let mut units = Vec::with_capacity(count);
        for length in ends {
            units.push(start..start);
            start += length;
        }
        let mut members = vec![0; segments.len()];
        for (segment, &unit) in unit_of.iter().enumerate() {
            members[units[unit].end] = segment;
            units[unit].end += 1;
        }
        Ok(Self { members, units, unit_of })
    }

    pub(crate) fn units(&self) -> usize {
        self.units.len()
    }

    /// The unit of a segment.
    pub(crate) fn unit_of(&self, segment: usize) -> usize {
        self.unit_of[segment]
    }

    /// The indices of a unit's segments, in order.
    pub(crate) fn members(&self, unit: usize) -> &[usize] {
        &self.members[self.units[unit].clone()]
    }
}

/// Numbers the units in the order of their first segments.
fn assign_units(segments: &[Segment]) -> (Vec<usize>, usize) {
    let mut pairs: HashMap<&PairId, usize> = HashMap::new();
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        count - 1
    };
    let unit_of = segments
        .iter()
        .map(|segment| match segment.pair() {
            Some(pair) => *pairs.entry(pair).or_insert_with(&mut fresh),
            None => fresh(),
        })
        .collect();
    (unit_of, count)
}

fn check_ids(segments: &[Segment]) -> Result<(), ContextError> {
    let mut seen: HashMap<&SegmentId, usize> = HashMap::with_capacity(segments.len());
    for (second, segment) in segments.iter().enumerate() {
        if let Some(first) = seen.insert(segment.id(), second) {
            return Err(ContextError::DuplicateId { id: segment.id().clone(), first, second });
        }
    }
    Ok(())
}

fn check_calls(segments: &[Segment]) -> Result<(), ContextError> {
    let mut calls: HashMap<&PairId, &SegmentId> = HashMap::new();
    for segment in segments {
        match (segment.kind(), segment.pair()) {
            (Kind::ToolCall, Some(pair)) => {
                if let Some(first) = calls.insert(pair, segment.id()) {
                    return Err(ContextError::PairReused {
                        pair: pair.clone(),
                        first: first.clone(),
                        second: segment.id().clone(),
                    });
                }
            }
            (Kind::ToolResult, pair) if pair.is_none_or(|pair| !calls.contains_key(pair)) => {
                return Err(ContextError::ResultWithoutCall {
                    id: segment.id().clone(),
                    pair: pair.cloned(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}
