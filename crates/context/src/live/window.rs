use std::collections::HashMap;

use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::segment::{Kind, PairId, Segment, SegmentId};

/// The segments that are in the window, and what has to be known of them to take one more.
#[derive(Debug, Default)]
pub(super) struct Window {
    segments: Vec<Segment>,
    tokens: usize,
    places: HashMap<SegmentId, usize>,
    calls: HashMap<PairId, SegmentId>,
}

impl Window {
    /// A window of these segments, which are checked as if each were pushed.
    pub(super) fn of(
        segments: impl IntoIterator<Item = Segment>,
        counter: &dyn TokenCounter,
    ) -> Result<Self, ContextError> {
        let mut window = Self::default();
        segments.into_iter().try_for_each(|segment| window.push(segment, counter).map(drop))?;
        Ok(window)
    }

    /// Takes one more, and says how many tokens it has.
    pub(super) fn push(
        &mut self,
        segment: Segment,
        counter: &dyn TokenCounter,
    ) -> Result<usize, ContextError> {
        self.check(&segment)?;
        let tokens = segment.tokens(counter);
        self.tokens += tokens;
        self.places.insert(segment.id().clone(), self.segments.len());
        if let (Kind::ToolCall, Some(pair)) = (segment.kind(), segment.pair()) {
            self.calls.insert(pair.clone(), segment.id().clone());
        }
        self.segments.push(segment);
        Ok(tokens)
    }

    fn check(&self, segment: &Segment) -> Result<(), ContextError> {
        let id = || segment.id().clone();
        if let Some(&first) = self.places.get(segment.id()) {
            return Err(ContextError::DuplicateId { id: id(), first, second: self.segments.len() });
        }
        let pair = segment.pair();
        match (segment.kind(), pair.and_then(|pair| Some((pair, self.calls.get(pair)?)))) {
            (Kind::ToolCall, Some((pair, first))) => {
                let (pair, first) = (pair.clone(), first.clone());
                Err(ContextError::PairReused { pair, first, second: id() })
            }
            (Kind::ToolResult, None) => {
                Err(ContextError::ResultWithoutCall { id: id(), pair: pair.cloned() })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// The segment of this id, with its place.
    pub(super) fn get(&self, id: &SegmentId) -> Option<(usize, &Segment)> {
        let place = *self.places.get(id)?;
        Some((place, self.segments.get(place)?))
    }
}
