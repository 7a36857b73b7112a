//! From a draft to what stays and what can be recalled.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use super::body::Body;
use super::{Draft, Dropping};
use crate::error::ContextError;
use crate::optimizer::{DropReason, Dropped, Marked, Shortened};
use crate::recall::{Handle, Left, Marker, RecallStore};
use crate::segment::{Kind, Segment, SegmentId, Shown};

/// Whether the text says where something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Marking {
    /// The longest runs are marked, as far as the allowance reaches.
    #[default]
    Marked,
    /// Only the report says it.
    Unmarked,
}

/// What a draft comes to.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) segments: Vec<Segment>,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) shortened: Vec<Shortened>,
    pub(crate) markers: Vec<Marked>,
    pub(crate) tokens: usize,
}

/// Where something is absent. The order is that of the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A run of whole segments, the first of which this is.
    Run(usize),
    /// The run of pieces of a segment that begins with this piece.
    Gap(usize, usize),
    /// What a segment said before it was said in other words.
    Wording(usize),
}

/// What one marker can stand for.
struct Absence {
    place: Place,
    /// The segments or pieces.
    range: Range<usize>,
    tokens: usize,
}

/// The chosen markers, with the handles of what they stand for.
type Markers = BTreeMap<Place, (Marker, Handle)>;
/// What is to be kept for recall.
type Texts = Vec<(Handle, Arc<str>)>;

impl Draft<'_> {
    /// Keeps for recall what is gone, and writes what stays.
    pub(crate) fn settle(
        &self,
        recall: &dyn RecallStore,
        marking: Marking,
    ) -> Result<Settled, ContextError> {
        // What must stay may have taken a part of it.
        let left = self.task.budget.saturating_sub(self.tokens);
        let mut allowance = match marking {
            Marking::Marked => self.task.reserve.min(left),
            Marking::Unmarked => 0,
        };
        loop {
            let mut texts = Texts::new();
            let (markers, used) = self.choose_markers(allowance, &mut texts);
            let settled = self.write(&markers, &mut texts);
            let excess = settled.tokens.saturating_sub(self.task.budget);
            if excess == 0 || markers.is_empty() {
                recall.put_all(&texts).map_err(|source| ContextError::Recall { source })?;
                return Ok(settled);
            }
            // What a marker joins can cost more than it did apart.
            allowance = used.saturating_sub(excess);
        }
    }

    fn write(&self, markers: &Markers, texts: &mut Texts) -> Settled {
        let dropped = self.dropped();
        let stays = self.segments.len() - dropped;
        let notes = markers.keys().filter(|place| matches!(place, Place::Run(_))).count();
        let shortened = self.parts().filter(|part| !part.is_whole()).count();
        let mut settled = Settled {
            segments: Vec::with_capacity(stays + notes),
            dropped: Vec::with_capacity(dropped),
            shortened: Vec::with_capacity(shortened),
            markers: Vec::with_capacity(markers.len()),
            tokens: 0,
        };
        texts.reserve_exact(dropped + shortened);
        let mut ids = None;
        for (at, segment) in self.segments.iter().enumerate() {
            if let Some((marker, handle)) = markers.get(&Place::Run(at)) {
                let taken = || self.ids_of_notes();
                settled.segments.push(note(marker, ids.get_or_insert_with(taken)));
                let tokens = self.count(&marker.to_string());
                settled.markers.push(Marked { handle: *handle, tokens });
                settled.tokens += tokens;
            }
            match self.state_of(at).dropped {
                Some(dropping) => settled.dropped.push(self.drop_record(at, dropping, texts)),
                None if self.bodies[at].is_whole() => {
                    settled.tokens += self.bodies[at].tokens();
                    settled.segments.push(segment.clone());
                }
                None => self.shorten(at, markers, texts, &mut settled),
            }
        }
        settled
    }

    /// The ids that the notes may not take.
    fn ids_of_notes(&self) -> HashSet<SegmentId> {
        let ids = self.segments.iter().map(Segment::id);
        ids.filter(|id| id.as_str().starts_with(NOTE)).cloned().collect()
    }

    /// The markers of the longest absences, as many as the allowance holds, and what they use of it.
    fn choose_markers(&self, mut allowance: usize, texts: &mut Texts) -> (Markers, usize) {
        let mut markers = Markers::new();
        if allowance == 0 {
            return (markers, 0);
        }
        let all = allowance;
        let mut absences = self.absences();
        absences.sort_by_key(|absence| (Reverse(absence.tokens), absence.place));
        for absence in absences {
            let text = self.absent_text(&absence);
            let handle = Handle::of(&text);
            let Some(marker) = absence.marker(&text, &handle) else { continue };
            // On a line of its own it takes the line's end too.
            let cost = self.count(&marker.to_string()) + 1;
            if cost > allowance {
                break;
            }
            if cost < absence.tokens {
                allowance -= cost;
                texts.push((handle, text));
                markers.insert(absence.place, (marker, handle));
            }
        }
        (markers, all - allowance)
    }

    /// Everything that a marker can stand for, in order.
    fn absences(&self) -> Vec<Absence> {
        let mut absences: Vec<Absence> = Vec::new();
        for at in 0..self.segments.len() {
            let body = &self.bodies[at];
            if self.state_of(at).dropped.is_some() {
                let tokens = self.original_tokens(at);
                match absences.last_mut() {
                    Some(Absence { place: Place::Run(_), range, tokens: sum })
                        if range.end == at =>
                    {
                        range.end = at + 1;
                        *sum += tokens;
                    }
                    _ => {
                        absences.push(Absence { place: Place::Run(at), range: at..at + 1, tokens });
                    }
                }
            } else if body.is_rewritten() {
                let tokens = self.original_tokens(at).saturating_sub(body.tokens());
                absences.push(Absence { place: Place::Wording(at), range: at..at + 1, tokens });
            } else {
                absences.extend(body.gaps().map(|gap| Absence {
                    place: Place::Gap(at, gap.start),
                    tokens: body.tokens_of(gap.clone()),
                    range: gap,
                }));
            }
        }
        absences
    }

    fn absent_text(&self, absence: &Absence) -> Arc<str> {
        match absence.place {
            Place::Wording(at) => Arc::clone(self.segments[at].text()),
            Place::Gap(at, _) => {
                let body = &self.bodies[at];
                body.text()[body.bytes(&absence.range)].into()
            }
            Place::Run(at) if absence.range.len() == 1 => Arc::clone(self.segments[at].text()),
            Place::Run(_) => {
                let texts: Vec<&str> =
                    self.segments[absence.range.clone()].iter().map(|s| &**s.text()).collect();
                texts.join("\n").into()
            }
        }
    }

    fn shorten(&self, at: usize, markers: &Markers, texts: &mut Texts, settled: &mut Settled) {
        let segment = &self.segments[at];
        let body = &self.bodies[at];
        let mut reported = Vec::new();
        let mut parts = Vec::new();
        let filler = |body: &Body, gap: Range<usize>| {
            let (marker, handle) = markers.get(&Place::Gap(at, gap.start))?;
            let filler = body.filler(&gap, marker);
            reported.push(Marked { handle: *handle, tokens: self.count(&filler) });
            Some(filler)
        };
        let mut text = body.render(filler, |part| parts.push(part));
        if let Some((marker, handle)) = markers.get(&Place::Wording(at)) {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let line = format!("{end}{marker}");
            text.push_str(&line);
            parts.push(Shown { end: text.len(), piece: None });
            reported.push(Marked { handle: *handle, tokens: self.count(&line) });
        }
        let tokens = if reported.is_empty() {
            body.tokens()
        } else {
            body.count(&text, &parts, self.counter)
        };
        settled.tokens += tokens;
        settled.markers.append(&mut reported);
        settled.segments.push(segment.with_text(text));
        settled.shortened.push(Shortened {
            id: segment.id().clone(),
            handle: self.keep_whole(at, texts),
            before: self.original_tokens(at),
            after: tokens,
            source: segment.source().cloned(),
            reducers: body.reducers().iter().map(|name| (**name).into()).collect(),
        });
    }

    fn drop_record(&self, at: usize, dropping: Dropping, texts: &mut Texts) -> Dropped {
        let segment = &self.segments[at];
        let twin = dropping.cause.twin().and_then(|unit| {
            let place = self.layout.place_in_unit(at)?;
            let mut twins = self.layout.members(unit);
            let twin = twins.clone().nth(place).or(twins.next())?;
            Some(self.segments[twin].id().clone())
        });
        Dropped {
            id: segment.id().clone(),
            handle: self.keep_whole(at, texts),
            tokens: self.original_tokens(at),
            source: segment.source().cloned(),
            reducer: (*self.reducers[dropping.reducer as usize]).into(),
            reason: DropReason::of(dropping.cause, twin),
        }
    }

    fn original_tokens(&self, at: usize) -> usize {
        self.segments[at].tokens(self.counter)
    }

    fn keep_whole(&self, at: usize, texts: &mut Texts) -> Handle {
        let text = self.segments[at].text();
        let handle = Handle::of(text);
        texts.push((handle, Arc::clone(text)));
        handle
    }
}

impl Absence {
    /// What says how much is absent, and how to get it back.
    fn marker(&self, text: &str, handle: &Handle) -> Option<Marker> {
        let (count, left) = match self.place {
            Place::Run(_) => (self.range.len(), Left::Messages),
            Place::Gap(..) if !text.ends_with('\n') => (self.tokens, Left::Tokens),
            Place::Gap(..) | Place::Wording(_) => (text.lines().count(), Left::Lines),
        };
        Some(Marker::new(NonZeroUsize::new(count)?, left, handle.short()))
    }
}

impl Body {
    /// What stands for a gap: the marker where the gap was, in its line or on one of its own.
    fn filler(&self, gap: &Range<usize>, marker: &Marker) -> String {
        let bytes = self.bytes(gap);
        let opening = if self.is_line_start(bytes.start) { "" } else { " " };
        let closing = self.line_end_before(bytes.end);
        format!("{opening}{marker}{closing}")
    }
}

/// What the ids of notes begin with.
const NOTE: &str = "recall-";

/// A segment that says no more than that something is gone.
fn note(marker: &Marker, ids: &mut HashSet<SegmentId>) -> Segment {
    let name = format!("{NOTE}{}", marker.handle());
    let numbered = |copy: usize| match copy {
        1 => SegmentId::from(name.as_str()),
        copy => format!("{name}-{copy}").into(),
    };
    let mut copy = 1;
    while !ids.insert(numbered(copy)) {
        copy += 1;
    }
    Segment::new(numbered(copy), Kind::Note, marker.to_string())
}
