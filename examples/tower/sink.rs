//! What only the agent behind the limits knows.

use std::sync::atomic::{AtomicU64, Ordering};

use maniple::core::{AgentEvent, EventKind, EventSink};

/// Counts the agents that have begun and that have ended. The difference was dropped at work: nobody
/// is there any more to tell of its end.
#[derive(Debug, Default)]
pub(crate) struct AtWork {
    started: AtomicU64,
    finished: AtomicU64,
}

impl AtWork {
    /// How many were left in the middle of their work.
    pub(crate) fn left(&self) -> u64 {
        let finished = self.finished.load(Ordering::SeqCst);
        self.started.load(Ordering::SeqCst).saturating_sub(finished)
    }
}

impl EventSink for AtWork {
    fn event(&self, event: &AgentEvent) {
        let counter = match event.kind {
            EventKind::Started => &self.started,
            EventKind::Finished { .. } => &self.finished,
            _ => return,
        };
        // The place of an agent behind layers; the clients have theirs above.
        if event.path.as_str().ends_with("/call") {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}
