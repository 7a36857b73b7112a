use std::sync::OnceLock;

use crate::count::TokenCounter;

/// The count of a text that never changes, for the first encoding that asked.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedCount(OnceLock<(Box<str>, usize)>);

impl CachedCount {
    pub(super) fn get_or_count(&self, counter: &dyn TokenCounter, text: &str) -> usize {
        let (encoding, tokens) =
            self.0.get_or_init(|| (counter.encoding().into(), counter.count(text)));
        if **encoding == *counter.encoding() { *tokens } else { counter.count(text) }
    }
}

/// A count follows from the text, so that two equal segments are equal counted or not.
impl PartialEq for CachedCount {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedCount {}
