use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Handle, RecallError, RecallStore, ShortHandle};

/// Keeps dropped texts in this process for as long as it lives itself.
///
/// A text is shared with the segment that it came from, so keeping it costs no copy.
#[derive(Debug, Default)]
pub struct MemoryRecall {
    // A writer only ever inserts whole entries, so that a poisoned lock guards a sound map.
    texts: RwLock<BTreeMap<Handle, Arc<str>>>,
}

impl MemoryRecall {
    /// A store that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RecallStore for MemoryRecall {
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        texts.entry(*handle).or_insert_with(|| Arc::clone(text));
        Ok(())
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        texts.get(handle).cloned().ok_or(RecallError::Unknown { handle: *handle })
    }

    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        Ok(texts.range(short.range()).map(|(handle, _)| *handle).collect())
    }
}
