use std::sync::{Arc, OnceLock};

use super::Kind;
use super::pieces::Pieces;
use crate::count::TokenCounter;
use crate::hash::hash;

/// The counts of a text that never changes, for the first encoding that asked, of which the hash of
/// the name is kept: there are many short texts, and a name for each would take more than they do.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedCount(OnceLock<(u64, Arc<Pieces>)>);

impl CachedCount {
    pub(super) fn get_or_count(
        &self,
        counter: &dyn TokenCounter,
        kind: Kind,
        text: &str,
    ) -> Arc<Pieces> {
        let count = || Arc::new(Pieces::of(kind, text, counter));
        let asked = hash(counter.encoding().as_bytes());
        let (encoding, pieces) = self.0.get_or_init(|| (asked, count()));
        if *encoding == asked { Arc::clone(pieces) } else { count() }
    }
}

/// A count follows from the text, so that two equal segments are equal counted or not.
impl PartialEq for CachedCount {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedCount {}
