use std::collections::HashMap;

use super::unit::small;
use crate::error::ContextError;
use crate::segment::{Kind, PairId, Segment, SegmentId};

/// Which segments make a unit, checked for what no unit may be.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The indices of all segments, unit by unit.
    members: Vec<u32>,
    /// Where each unit's members end.
    ends: Vec<u32>,
    unit_of: Vec<u32>,
}

impl Layout {
    pub(crate) fn new(segments: &[Segment]) -> Result<Self, ContextError> {
        check_ids(segments)?;
        check_calls(segments)?;
        let (unit_of, count) = assign_units(segments);
        let mut ends = vec![0; count];
        for unit in &unit_of {
            ends[*unit as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut members = vec![0; segments.len()];
        for (segment, unit) in (0..).zip(&unit_of) {
            let end: &mut u32 = &mut ends[*unit as usize];
            members[*end as usize] = segment;
            *end += 1;
        }
        Ok(Self { members, ends, unit_of })
    }

    pub(crate) fn units(&self) -> usize {
        self.ends.len()
    }

    /// The unit of a segment.
    pub(crate) fn unit_of(&self, segment: usize) -> usize {
        self.unit_of[segment] as usize
    }

    /// The indices of a unit's segments, in order.
    pub(crate) fn members(&self, unit: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
        self.slice(unit).iter().map(|member| *member as usize)
    }

    /// Which of its unit's segments a segment is.
    pub(super) fn place_in_unit(&self, segment: usize) -> Option<usize> {
        self.slice(self.unit_of(segment)).binary_search(&small(segment)).ok()
    }

    fn slice(&self, unit: usize) -> &[u32] {
        let start = unit.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start as usize..self.ends[unit] as usize]
    }
}

/// Numbers the units in the order of their first segments.
fn assign_units(segments: &[Segment]) -> (Vec<u32>, usize) {
    let mut pairs: HashMap<&PairId, u32> = HashMap::new();
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        small(count - 1)
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
