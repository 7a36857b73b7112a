use std::sync::{Arc, OnceLock};

use super::Kind;
use super::pieces::Pieces;
use crate::count::TokenCounter;

/// The counts of a text that never changes, for the first encoding that asked.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedCount(OnceLock<(Box<str>, Arc<Pieces>)>);

impl CachedCount {
    pub(super) fn get_or_count(
        &self,
        counter: &dyn TokenCounter,
        kind: Kind,
        text: &str,
    ) -> Arc<Pieces> {
        let count = || Arc::new(Pieces::of(kind, text, counter));
        let (encoding, pieces) = self.0.get_or_init(|| (counter.encoding().into(), count()));
        if **encoding == *counter.encoding() { Arc::clone(pieces) } else { count() }
    }
}

/// A count follows from the text, so that two equal segments are equal counted or not.
impl PartialEq for CachedCount {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedCount {}
