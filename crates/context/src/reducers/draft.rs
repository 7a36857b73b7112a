use super::layout::Layout;
use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::relevance::{CorpusStats, Query};
use crate::segment::{Kind, Priority, Segment};

/// A context while it is reduced: what is still in it, what it costs, and what it is for.
#[derive(Debug)]
pub struct Draft<'c> {
    segments: &'c [Segment],
    layout: Layout,
    states: Vec<UnitState>,
    tokens: usize,
    task: Task<'c>,
    reducer: &'c str,
}

/// What a reduction is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'c> {
    pub(crate) budget: usize,
    pub(crate) query: Option<&'c Query>,
    pub(crate) corpus: Option<&'c CorpusStats>,
}

#[derive(Debug)]
struct UnitState {
    tokens: usize,
    kept: bool,
    dropped: Option<Dropping>,
}

/// How a unit left the draft.
#[derive(Debug, Clone)]
pub(crate) struct Dropping {
    pub(crate) reducer: Box<str>,
    pub(crate) cause: Cause,
}

/// Names a unit of one draft. Units are ordered by their first segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(usize);

/// Why a reducer drops a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The same is said, segment by segment, by another unit.
    DuplicateOf(UnitId),
    /// Others were worth more of the budget.
    OverBudget,
}

impl<'c> Draft<'c> {
    /// Counts the segments and lays them out in units.
    pub(crate) fn new(
        segments: &'c [Segment],
        counter: &dyn TokenCounter,
        task: Task<'c>,
    ) -> Result<Self, ContextError> {
        let layout = Layout::new(segments)?;
        let states: Vec<_> = (0..layout.units())
            .map(|unit| {
                let members = layout.members(unit).iter().map(|member| &segments[*member]);
                UnitState {
                    tokens: members.clone().map(|segment| segment.tokens(counter)).sum(),
                    kept: members.clone().any(Segment::is_pinned) || is_pending(members),
                    dropped: None,
                }
            })
            .collect();
        let tokens = states.iter().map(|state| state.tokens).sum();
        Ok(Self { segments, layout, states, tokens, task, reducer: "" })
    }

    /// The budget in tokens.
    pub fn budget(&self) -> usize {
        self.task.budget
    }

    /// The tokens that the context has now.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// What is asked of the context, if anything is.
    pub fn query(&self) -> Option<&'c Query> {
        self.task.query
    }

    /// The statistics of a corpus larger than this context, if the host gave them.
    pub fn corpus(&self) -> Option<&'c CorpusStats> {
        self.task.corpus
    }

    /// The units that are still in the context, in order.
    pub fn units(&self) -> impl Iterator<Item = Unit<'_>> + Clone {
        self.states.iter().enumerate().filter(|(_, state)| state.dropped.is_none()).map(
            |(unit, state)| Unit {
                id: UnitId(unit),
                state,
                members: self.layout.members(unit),
                segments: self.segments,
            },
        )
    }

    /// Drops a unit; dropping it twice is dropping it once.
    ///
    /// # Errors
    /// [`ContextError::KeptDropped`] where the unit must be [kept](Unit::is_kept).
    ///
    /// # Panics
    /// May panic where `unit` was given out by another draft.
    pub fn discard(&mut self, unit: UnitId, cause: Cause) -> Result<(), ContextError> {
        let state = &mut self.states[unit.0];
        if state.kept {
            let first = self.layout.members(unit.0)[0];
            let id = self.segments[first].id().clone();
            return Err(ContextError::KeptDropped { reducer: self.reducer.to_owned(), id });
        }
        if state.dropped.is_none() {
            state.dropped = Some(Dropping { reducer: self.reducer.into(), cause });
            self.tokens -= state.tokens;
        }
        Ok(())
    }

    /// Names the reducer that drops from here on.
    pub(crate) fn enter(&mut self, reducer: &'c str) {
        self.reducer = reducer;
    }

    /// The tokens of all units that must be kept.
    pub(crate) fn kept_tokens(&self) -> usize {
        self.states.iter().filter(|state| state.kept).map(|state| state.tokens).sum()
    }

    /// How many segments have been dropped.
    pub(crate) fn dropped(&self) -> usize {
        let dropped = |(_, state): &(usize, &UnitState)| state.dropped.is_some();
        let units = self.states.iter().enumerate().filter(dropped);
        units.map(|(unit, _)| self.layout.members(unit).len()).sum()
    }

    /// For each segment how it left, with the segment that it duplicates if it does.
    pub(crate) fn fates(&self) -> Vec<Option<(&Dropping, Option<&'c Segment>)>> {
        let mut fates = vec![None; self.segments.len()];
        for (unit, state) in self.states.iter().enumerate() {
            let Some(dropping) = &state.dropped else {
                continue;
            };
            for (place, member) in self.layout.members(unit).iter().enumerate() {
                let twin = match dropping.cause {
                    Cause::DuplicateOf(UnitId(twin)) => self.layout.members(twin).get(place),
                    Cause::OverBudget => None,
                };
                fates[*member] = Some((dropping, twin.map(|twin| &self.segments[*twin])));
            }
        }
        fates
    }
}

/// A call without its result: whoever answers it must find it in the context.
fn is_pending<'s>(mut members: impl Iterator<Item = &'s Segment> + Clone) -> bool {
    members.clone().any(|segment| segment.kind() == Kind::ToolCall)
        && !members.any(|segment| segment.kind() == Kind::ToolResult)
}

/// What is kept or dropped as one.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'d> {
    id: UnitId,
    state: &'d UnitState,
    members: &'d [usize],
    segments: &'d [Segment],
}

impl<'d> Unit<'d> {
    /// The unit's name in its draft.
    pub fn id(&self) -> UnitId {
        self.id
    }

    /// Its segments, at least one, in order.
    pub fn segments(&self) -> impl Iterator<Item = &'d Segment> + Clone + use<'d> {
        let segments = self.segments;
        self.members.iter().map(move |member| &segments[*member])
    }

    /// The tokens of all its segments.
    pub fn tokens(&self) -> usize {
        self.state.tokens
    }

    /// Whether it must be kept: one of its segments is pinned, or it is a pending call.
    pub fn is_kept(&self) -> bool {
        self.state.kept
    }

    /// The highest priority of its segments.
    pub fn priority(&self) -> Priority {
        self.segments().map(Segment::priority).max().unwrap_or_default()
    }
}
