use std::sync::Arc;

use super::ContextOptimizer;
use crate::error::ContextError;
use crate::recall::{Handle, RecallStore};
use crate::segment::Segment;

/// Says of a context that an optimizer has made it, so that reducing it again changes nothing where
/// its size alone would not say so: where a least reduction is asked for, or nothing may be lost.
pub(super) struct Seal(Option<Arc<str>>);

impl Seal {
    pub(super) fn of(segments: &[Segment], optimizer: &ContextOptimizer, budget: usize) -> Self {
        if optimizer.min_reduction.is_none() && !optimizer.is_lossless {
            return Self(None);
        }
        // Written as messages and read again, segments are named anew, markers may stand before
        // the calls that they stood between, and what says nothing is not there.
        let texts = segments.iter().map(Segment::text).filter(|text| !text.trim().is_empty());
        let mut said: Vec<String> = texts.map(|text| Handle::of(text).to_string()).collect();
        said.sort_unstable();
        let reducers: Vec<&str> = optimizer.reducers.iter().map(|reducer| reducer.name()).collect();
        let seal = format!(
            "reduced to {budget} tokens of {} and by {} with {}: {}",
            optimizer.counter.encoding(),
            optimizer.min_reduction,
            reducers.join(", "),
            Handle::of(&said.concat()),
        );
        Self(Some(seal.into()))
    }

    pub(super) fn is_known(&self, recall: &dyn RecallStore) -> Result<bool, ContextError> {
        let Some(seal) = &self.0 else { return Ok(false) };
        let handle = Handle::of(seal);
        let candidates = recall.candidates(handle.short());
        let candidates = candidates.map_err(|source| ContextError::Recall { source })?;
        Ok(candidates.contains(&handle))
    }

    pub(super) fn keep(&self, recall: &dyn RecallStore) -> Result<(), ContextError> {
        let Some(seal) = &self.0 else { return Ok(()) };
        recall.put(&Handle::of(seal), seal).map_err(|source| ContextError::Recall { source })
    }
}
