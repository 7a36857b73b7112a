//! A compaction as a journal keeps it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::error::ContextError;
use crate::optimizer::{ReducedContext, Report};
use crate::recall::{Handle, RecallStore};
use crate::segment::Segment;

/// What a compaction is told by: it answers for this turn and this window.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Occasion<'l> {
    pub(super) turn: u64,
    pub(super) tokens: usize,
    pub(super) window: &'l [Segment],
}

/// What a window has become, told by what it was.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recorded {
    slots: Vec<Slot>,
    report: Report,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Slot {
    /// These segments, as they were.
    Kept(Range<usize>),
    /// One that is new or says something else now.
    New(Segment),
}

impl Recorded {
    pub(super) fn of(reduced: ReducedContext, window: &Window) -> Self {
        let mut slots = Vec::new();
        for segment in reduced.segments {
            let same = window.get(segment.id()).filter(|(_, before)| **before == segment);
            match (same, slots.last_mut()) {
                (Some((at, _)), Some(Slot::Kept(run))) if run.end == at => run.end += 1,
                (Some((at, _)), _) => slots.push(Slot::Kept(at..at + 1)),
                (None, _) => slots.push(Slot::New(segment)),
            }
        }
        Self { slots, report: reduced.report }
    }

    /// What the window has become.
    pub(super) fn read(self, window: &Window) -> Result<ReducedContext, ContextError> {
        let before = window.segments();
        let mut segments = Vec::new();
        for slot in self.slots {
            match slot {
                Slot::New(segment) => segments.push(segment),
                Slot::Kept(Range { start, end }) => {
                    let kept = before.get(start..end);
                    segments.extend_from_slice(kept.ok_or(ContextError::ForeignCompaction {
                        first: start,
                        end,
                        segments: before.len(),
                    })?);
                }
            }
        }
        Ok(ReducedContext { segments, report: self.report })
    }
}

/// Keeps for recall the texts of the window that a compaction has taken; whether the store now has
/// everything that the report names.
pub(super) fn keep_originals(
    report: &Report,
    window: &Window,
    store: &dyn RecallStore,
) -> Result<bool, ContextError> {
    let failed = |source| ContextError::Recall { source };
    let is_absent = |handle: &Handle| {
        let candidates = store.candidates(handle.short()).map_err(failed)?;
        Ok::<_, ContextError>(!candidates.contains(handle))
    };
    let dropped = report.dropped.iter().map(|dropped| (&dropped.id, dropped.handle));
    let shortened = report.shortened.iter().map(|short| (&short.id, short.handle));
    let mut originals = Vec::new();
    let mut absent = HashSet::new();
    for (id, handle) in dropped.chain(shortened) {
        if !is_absent(&handle)? {
            continue;
        }
        match window.get(id).filter(|(_, segment)| Handle::of(segment.text()) == handle) {
            Some((_, segment)) => originals.push((handle, Arc::clone(segment.text()))),
            None => _ = absent.insert(handle),
        }
    }
    store.put_all(&originals).map_err(failed)?;
    for marked in &report.markers {
        if is_absent(&marked.handle)? {
            absent.insert(marked.handle);
        }
    }
    Ok(absent.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::count::{Encoding, Tiktoken};
    use crate::optimizer::ContextOptimizer;
    use crate::segment::Kind;

    /// A window of three segments, and what is recorded of one in which the second was dropped.
    fn recorded() -> (Window, Recorded) {
        let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
        let segments = ["one", "two", "two", "three"].into_iter().enumerate();
        let segments: Vec<Segment> =
            segments.map(|(at, text)| Segment::new(format!("s{at}"), Kind::File, text)).collect();
        let optimizer = ContextOptimizer::builder(counter.clone(), 3).build().unwrap();
        let reduced = optimizer.optimize(&segments, None).unwrap();
        assert_eq!(reduced.report.dropped.len(), 1);
        let window = Window::of(segments, &*counter).unwrap();
        let recorded = Recorded::of(reduced, &window);
        (window, recorded)
    }

    #[test]
    fn what_stays_is_told_by_its_place() {
        let (window, recorded) = recorded();
        let json = serde_json::to_string(&recorded.slots).unwrap();
        let kept = r#"[{"kept":{"start":0,"end":1}},{"kept":{"start":2,"end":4}}]"#;
        assert_eq!(json, kept);
        let read = recorded.read(&window).unwrap();
        let ids: Vec<&str> = read.segments.iter().map(|segment| segment.id().as_str()).collect();
        assert_eq!(ids, ["s0", "s2", "s3"]);
    }

    #[test]
    fn what_is_recorded_of_another_window_is_refused() {
        for (first, end) in [(2, 5), (5, 6), (3, 2)] {
            let (window, mut recorded) = recorded();
            recorded.slots[1] = Slot::Kept(Range { start: first, end });
            match recorded.read(&window) {
                Err(ContextError::ForeignCompaction { first: found, end: to, segments: 4 }) => {
                    assert_eq!((found, to), (first, end));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
