//! A context while it is reduced.

mod body;
mod layout;
mod marked;
mod settle;
mod unit;

use std::sync::Arc;

pub(crate) use layout::Layout;
pub(crate) use settle::Marking;
pub use unit::{Cause, Part, PartId, Piece, Unit, UnitId};

use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::relevance::Query;
use crate::segment::{Cut, Kind, Segment};
use body::Body;
use unit::small;

/// A context while it is reduced: what is still in it, what it costs, and what it is for.
///
/// It upholds the laws for a reducer: what must be kept cannot be dropped or changed, order is kept,
/// nothing grows, and everything that goes is recorded.
#[derive(Debug)]
pub struct Draft<'c> {
    segments: &'c [Segment],
    counter: &'c dyn TokenCounter,
    layout: Layout,
    units: Vec<UnitState>,
    /// What each segment says now.
    bodies: Vec<Body>,
    tokens: usize,
    /// The tokens of what must be kept.
    kept: usize,
    task: Task<'c>,
    /// The names of the reducers that have worked on it, the one at work last.
    reducers: Vec<Arc<str>>,
}

/// What a reduction is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'c> {
    /// The most tokens that the result may have.
    pub(crate) budget: usize,
    /// The tokens of the budget that markers may take.
    pub(crate) reserve: usize,
    pub(crate) query: Option<&'c Query>,
    pub(crate) going: Going,
}

/// How a unit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// Whole.
    Whole,
    /// Whole, but for a call with its result, of which all goes that can: they are there, and say no
    /// more.
    Muted,
}

#[derive(Debug, Clone, Copy)]
struct UnitState {
    is_kept: bool,
    dropped: Option<Dropping>,
}

/// What a part would be.
pub(crate) struct Shorter(Body);

impl Shorter {
    pub(crate) fn tokens(&self) -> usize {
        self.0.tokens()
    }
}

/// How a unit left the draft.
#[derive(Debug, Clone, Copy)]
struct Dropping {
    /// By its place among the names.
    reducer: u32,
    cause: Cause,
}

impl<'c> Draft<'c> {
    /// Counts the segments and lays them out in units.
    pub(crate) fn new(
        segments: &'c [Segment],
        counter: &'c dyn TokenCounter,
        task: Task<'c>,
    ) -> Result<Self, ContextError> {
        let layout = Layout::new(segments)?;
        let units: Vec<UnitState> = (0..layout.units())
            .map(|unit| {
                let members = layout.members(unit).map(|member| &segments[member]);
                let is_kept = members.clone().any(Segment::is_pinned) || is_pending(members);
                UnitState { is_kept, dropped: None }
            })
            .collect();
        let bodies: Vec<Body> = segments.iter().map(|segment| Body::of(segment, counter)).collect();
        let tokens = bodies.iter().map(Body::tokens).sum();
        let is_kept = |segment: &usize| units[layout.unit_of(*segment)].is_kept;
        let kept = (0..bodies.len()).filter(is_kept).map(|segment| bodies[segment].tokens()).sum();
        let reducers = Vec::new();
        let mut draft =
            Self { segments, counter, layout, units, bodies, tokens, kept, task, reducers };
        if task.going == Going::Muted {
            let pairs =
                draft.units().filter(|unit| !unit.is_kept() && unit.parts().nth(1).is_some());
            let fixed =
                pairs.flat_map(|unit| unit.parts()).map(|part| part.fixed_tokens()).sum::<usize>();
            draft.kept += fixed;
        }
        Ok(draft)
    }

    /// The most tokens that the result may have.
    pub fn budget(&self) -> usize {
        self.task.budget
    }

    /// The most tokens that a reducer may leave, if it can: the budget without what markers take.
    pub fn room(&self) -> usize {
        self.task.budget - self.task.reserve
    }

    /// The tokens that the context has now.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Counts a text as the optimizer does.
    pub fn count(&self, text: &str) -> usize {
        self.counter.count(text)
    }

    /// What is asked of the context, if anything is.
    pub fn query(&self) -> Option<&'c Query> {
        self.task.query
    }

    /// The units that are still in the context, in order.
    pub fn units(&self) -> impl Iterator<Item = Unit<'_>> + Clone {
        let is_there = |unit: &usize| self.units[*unit].dropped.is_none();
        (0..self.units.len()).filter(is_there).map(|unit| Unit::new(self, unit))
    }

    /// One unit, whether it is still in the context or not.
    ///
    /// # Panics
    /// May panic where `unit` was given out by another draft.
    pub fn unit(&self, unit: UnitId) -> Unit<'_> {
        Unit::new(self, unit.index())
    }

    /// What is still in the context of each segment, in order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        let is_there = |part: &usize| self.state_of(*part).dropped.is_none();
        (0..self.segments.len()).filter(is_there).map(|part| Part::new(self, part))
    }

    /// The segment of a part, as it was given.
    ///
    /// # Panics
    /// May panic where `part` was given out by another draft.
    pub fn segment(&self, part: PartId) -> &'c Segment {
        &self.segments[part.index()]
    }

    /// One part, whether it is still in the context or not.
    ///
    /// # Panics
    /// May panic where `part` was given out by another draft.
    pub fn part(&self, part: PartId) -> Part<'_> {
        Part::new(self, part.index())
    }

    /// Drops a unit; dropping it twice is dropping it once.
    ///
    /// # Errors
    /// [`ContextError::KeptDropped`] where the unit must be [kept](Unit::is_kept).
    ///
    /// # Panics
    /// May panic where `unit` was given out by another draft.
    pub fn discard(&mut self, unit: UnitId, cause: Cause) -> Result<(), ContextError> {
        let mut members = self.layout.members(unit.index());
        let UnitState { is_kept, dropped } = self.units[unit.index()];
        if is_kept {
            let first = members.next().expect("a unit has a segment");
            return Err(self.refused(first));
        }
        if self.task.going == Going::Muted && members.len() > 1 {
            return members.collect::<Vec<_>>().into_iter().try_for_each(|part| {
                self.cut(PartId::new(part), |_| true)?;
                Ok(())
            });
        }
        if dropped.is_none() {
            self.tokens -= members.map(|part| self.bodies[part].tokens()).sum::<usize>();
            let dropping = Dropping { reducer: small(self.reducers.len() - 1), cause };
            self.units[unit.index()].dropped = Some(dropping);
        }
        Ok(())
    }

    /// Says a part in other words, where they take fewer tokens; else nothing changes. Whether they
    /// do.
    ///
    /// # Errors
    /// [`ContextError::KeptDropped`] where the part must be kept.
    ///
    /// # Panics
    /// May panic where `part` was given out by another draft.
    pub fn rewrite(&mut self, part: PartId, text: String) -> Result<bool, ContextError> {
        let kind = self.segments[part.index()].kind();
        let body = self.writable(part)?.rewritten(kind, text, self.counter, self.reducer());
        Ok(self.replace_if_smaller(part, body))
    }

    /// Drops the pieces of a part for which `goes` holds, where that takes fewer tokens; else
    /// nothing changes. Pieces that are gone stay gone, [fixed](Piece::is_fixed) ones stay. Whether
    /// any piece went.
    ///
    /// # Errors
    /// [`ContextError::KeptDropped`] where the part must be kept.
    ///
    /// # Panics
    /// May panic where `part` was given out by another draft.
    pub fn cut(
        &mut self,
        part: PartId,
        goes: impl FnMut(usize) -> bool,
    ) -> Result<bool, ContextError> {
        let body = self.writable(part)?.without(goes, self.counter, self.reducer());
        Ok(body.is_some_and(|body| self.replace_if_smaller(part, body)))
    }

    /// A part without the pieces for which `goes` holds; nothing where none of them is there to go.
    pub(crate) fn without(&self, part: PartId, goes: impl FnMut(usize) -> bool) -> Option<Shorter> {
        self.bodies[part.index()].without(goes, self.counter, self.reducer()).map(Shorter)
    }

    /// A part in other pieces, without those for which `goes` holds.
    pub(crate) fn recut(
        &self,
        part: PartId,
        cuts: &[Cut],
        goes: impl FnMut(usize) -> bool,
    ) -> Shorter {
        Shorter(self.bodies[part.index()].recut(cuts, goes, self.counter, self.reducer()))
    }

    /// Says a part so, where that takes fewer tokens; else nothing changes. Whether it does.
    pub(crate) fn adopt(&mut self, part: PartId, shorter: Shorter) -> Result<bool, ContextError> {
        self.writable(part)?;
        Ok(self.replace_if_smaller(part, shorter.0))
    }

    /// From here on reduces to so many tokens, of which markers may take a fiftieth of `whole`.
    pub(crate) fn aim(&mut self, target: usize, whole: usize, marking: Marking) {
        self.task.reserve = match marking {
            Marking::Marked => target.min(whole / 50),
            Marking::Unmarked => 0,
        };
        self.task.budget = target;
    }

    /// Names the reducer that drops from here on.
    pub(crate) fn enter(&mut self, reducer: &str) {
        self.reducers.push(reducer.into());
    }

    /// The tokens of all that must be kept: of whole units, or of what cannot go of any.
    pub(crate) fn kept_tokens(&self) -> usize {
        self.kept
    }

    /// How many segments have been dropped.
    pub(crate) fn dropped(&self) -> usize {
        self.segments.len() - self.parts().count()
    }

    fn writable(&self, part: PartId) -> Result<&Body, ContextError> {
        if self.state_of(part.index()).is_kept {
            return Err(self.refused(part.index()));
        }
        Ok(&self.bodies[part.index()])
    }

    /// The state of a part's unit.
    fn state_of(&self, part: usize) -> &UnitState {
        &self.units[self.layout.unit_of(part)]
    }

    /// The name of the reducer at work.
    fn reducer(&self) -> &Arc<str> {
        self.reducers.last().expect("a reducer is named before it works")
    }

    fn refused(&self, part: usize) -> ContextError {
        let id = self.segments[part].id().clone();
        ContextError::KeptDropped { reducer: (**self.reducer()).to_owned(), id }
    }

    fn replace_if_smaller(&mut self, part: PartId, body: Body) -> bool {
        let is_there = self.state_of(part.index()).dropped.is_none();
        let old = &mut self.bodies[part.index()];
        let is_smaller = body.tokens() < old.tokens();
        if is_smaller {
            if is_there {
                self.tokens -= old.tokens() - body.tokens();
            }
            *old = body;
        }
        is_smaller
    }
}

/// A call without its result: whoever answers it must find it in the context.
pub(crate) fn is_pending<'s>(mut members: impl Iterator<Item = &'s Segment> + Clone) -> bool {
    members.clone().any(|segment| segment.kind() == Kind::ToolCall)
        && !members.any(|segment| segment.kind() == Kind::ToolResult)
}
