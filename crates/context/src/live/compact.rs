//! How a window becomes smaller.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::window::Window;
use crate::draft::{Draft, Going, Task};
use crate::error::ContextError;
use crate::optimizer::{ContextOptimizer, Marked, ReducedContext, ReducerReport, Shortened};
use crate::recall::{Marker, ShortHandle};
use crate::relevance::Query;
use crate::segment::{Priority, Segment, SegmentId};

/// About what a marker takes.
const MARKER: usize = 16;

/// Reduces a window to `low` tokens, or to as few more as it can. Of its segments so many were sent;
/// the others have been seen by nobody.
pub(super) fn compact(
    optimizer: &ContextOptimizer,
    window: &Window,
    sent: usize,
    low: usize,
    query: Option<&Query>,
) -> Result<ReducedContext, ContextError> {
    let given = window.segments();
    let plan = Plan::of(optimizer, given, sent, low)?;
    let mut segments = given.to_vec();
    let first =
        if plan.long.is_empty() { None } else { Some(shorten(optimizer, &plan, given, query)?) };
    for at in &plan.pinned {
        segments[*at] = segments[*at].clone().pinned();
    }
    for at in plan.long.iter().chain(&plan.high) {
        segments[*at] = segments[*at].clone().with_priority(Priority::High);
    }
    if let Some(first) = &first {
        for (at, short) in &first.segments {
            segments[*at] = short.clone().pinned();
        }
    }
    let mut reduced = reduce(optimizer, low, &segments, query)?;
    for segment in &mut reduced.segments {
        if let Some((_, original)) = window.get(segment.id()).filter(|(at, _)| *at >= plan.first) {
            *segment = segment.clone().kept_as(original);
        }
    }
    if let Some(first) = first {
        join(first, &mut reduced, window);
    }
    Ok(reduced)
}

/// What was shortened before the rest, so that what nobody has seen does not take all the room.
struct Shorter {
    /// Where each stands, and what it says now.
    segments: Vec<(usize, Segment)>,
    records: Vec<Shortened>,
    markers: Vec<Marked>,
    time: Duration,
}

fn shorten(
    optimizer: &ContextOptimizer,
    plan: &Plan,
    window: &[Segment],
    query: Option<&Query>,
) -> Result<Shorter, ContextError> {
    let long: Vec<Segment> = plan.long.iter().map(|at| window[*at].clone()).collect();
    let ReducedContext { segments, report } = optimizer.mute_to(plan.room, &long, query)?;
    let mut now: HashMap<&SegmentId, &Segment> =
        segments.iter().map(|segment| (segment.id(), segment)).collect();
    // One that went is left to the reduction of the whole, and its marker to that, too.
    let stays =
        plan.long.iter().filter_map(|at| Some((*at, now.remove(window[*at].id())?.clone())));
    let segments: Vec<(usize, Segment)> = stays.collect();
    let said: HashSet<ShortHandle> =
        segments.iter().flat_map(|(_, segment)| handles(segment)).collect();
    let markers = report.markers.into_iter().filter(|m| said.contains(&m.handle.short())).collect();
    let time = report.reducers.iter().map(|reducer| reducer.time).sum();
    Ok(Shorter { segments, records: report.shortened, markers, time })
}

/// Reduces segments to `low` tokens; where more must stay, to that and what markers take.
fn reduce(
    optimizer: &ContextOptimizer,
    low: usize,
    segments: &[Segment],
    query: Option<&Query>,
) -> Result<ReducedContext, ContextError> {
    let window = optimizer.budget();
    let low = low.min(without_most_markers(optimizer, segments));
    let reduced = match optimizer.optimize_to(low, segments, query) {
        Err(ContextError::PinnedExceedsBudget { pinned, .. }) if pinned <= window => {
            optimizer.optimize_to(window.min(pinned + pinned / 50), segments, query)
        }
        reduced => reduced,
    };
    match reduced {
        // It is as small as the reducers can make it, and fits the window.
        Err(ContextError::BudgetNotMet { reached, .. }) if reached.report.after <= window => {
            Ok(*reached)
        }
        Err(ContextError::BudgetNotMet { mut reached, .. }) => {
            reached.report.budget = window;
            let excess = reached.report.after - window;
            Err(ContextError::BudgetNotMet { reached, excess })
        }
        Err(ContextError::PinnedExceedsBudget { pinned, .. }) => Err(too_much(pinned, window)),
        reduced => reduced,
    }
}

/// The tokens of segments, less those by which the markers in them exceed a fiftieth of the window: a
/// reduction to that lets the oldest markers go, and nothing else.
fn without_most_markers(optimizer: &ContextOptimizer, segments: &[Segment]) -> usize {
    let counter = &**optimizer.counter();
    let tokens = segments.iter().map(|segment| segment.tokens(counter)).sum::<usize>();
    let markers = segments.iter().flat_map(|segment| Marker::all_in(segment.text()));
    let of_markers = markers.map(|(_, marker)| counter.count(&format!("{marker}\n")));
    let excess = of_markers.sum::<usize>().saturating_sub(optimizer.budget() / 50);
    tokens.saturating_sub(excess).max(1)
}

fn too_much(pinned: usize, budget: usize) -> ContextError {
    ContextError::PinnedExceedsBudget { pinned, budget, excess: pinned.saturating_sub(budget) }
}

/// What becomes of the segments that were not sent yet, by their places.
#[derive(Debug, Default)]
struct Plan {
    /// They stay byte for byte.
    pinned: Vec<usize>,
    /// They are shortened until together they fit the room.
    long: Vec<usize>,
    room: usize,
    /// They are more than there is room for, and stay before what was sent.
    high: Vec<usize>,
    /// The first of all these.
    first: usize,
}

impl Plan {
    /// Half of what is aimed at is for what nobody has seen, the newest first. Of what is too long
    /// for that there is room for a little of each.
    fn of(
        optimizer: &ContextOptimizer,
        segments: &[Segment],
        sent: usize,
        low: usize,
    ) -> Result<Self, ContextError> {
        let budget = optimizer.budget();
        let task = Task { budget, reserve: 0, query: None, going: Going::Whole };
        let draft = Draft::new(segments, &**optimizer.counter(), task)?;
        let kept = draft.kept_tokens();
        let left = budget.checked_sub(kept).ok_or_else(|| too_much(kept, budget))?;
        let mut unseen: Vec<_> = draft
            .units()
            .filter(|unit| !unit.is_kept())
            .map(|unit| (unit, unit.parts().map(|part| part.id().index()).max()))
            .filter(|(_, last)| last.is_some_and(|last| last >= sent))
            .collect();
        unseen.sort_by_key(|(_, last)| Reverse(*last));
        let mut room = left.min(low / 2);
        let mut plan = Self { first: segments.len(), ..Self::default() };
        let mut is_full = false;
        for (unit, _) in unseen {
            let places = unit.parts().map(|part| part.id().index());
            plan.first = plan.first.min(places.clone().min().unwrap_or(plan.first));
            let little = || unit.parts().map(|part| part.fixed_tokens() + MARKER).sum::<usize>();
            if is_full {
                plan.high.extend(places);
            } else if unit.tokens() <= room {
                room -= unit.tokens();
                plan.pinned.extend(places);
            } else if little() <= room {
                room -= little();
                plan.room += little();
                plan.long.extend(places);
            } else {
                is_full = true;
                plan.high.extend(places);
            }
        }
        plan.room += room;
        // What everything else leaves of it, too.
        let long = plan.long.iter().map(|at| segments[*at].tokens(&**optimizer.counter()));
        let others = draft.tokens() - long.sum::<usize>();
        plan.room = plan.room.max(low.saturating_sub(others));
        plan.long.sort_unstable();
        Ok(plan)
    }
}

/// Tells of what was shortened first as a part of the whole.
fn join(first: Shorter, reduced: &mut ReducedContext, window: &Window) {
    let report = &mut reduced.report;
    let (before, after) = (window.tokens(), report.before);
    let row = ReducerReport { name: "unseen".into(), before, after, dropped: 0, time: first.time };
    report.before = before;
    report.reducers.insert(0, row);
    report.shortened.extend(first.records);
    report.shortened.sort_by_key(|short| window.get(&short.id).map(|(place, _)| place));
    let places: HashMap<ShortHandle, usize> = reduced
        .segments
        .iter()
        .flat_map(handles)
        .enumerate()
        .map(|(at, handle)| (handle, at))
        .collect();
    report.markers.extend(first.markers);
    report.markers.sort_by_key(|marked| places.get(&marked.handle.short()).copied());
}

fn handles(segment: &Segment) -> impl Iterator<Item = ShortHandle> {
    Marker::all_in(segment.text()).map(|(_, marker)| marker.handle())
}
