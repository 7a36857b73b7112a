//! Compactions as steps of a run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use maniple_core::{AgentError, Class, Classify, Effect, RunContext};

use super::recorded::{Occasion, Recorded, keep_originals};
use super::{LiveContext, Turn};
use crate::error::ContextError;
use crate::optimizer::{ReducedContext, Report};
use crate::relevance::Query;

/// A recorded compaction that is not adopted yet, for the recall store could not be filled again.
#[derive(Debug)]
pub(super) struct Unfilled {
    turn: u64,
    /// The segments that were in the window then.
    pushed: usize,
    reduced: ReducedContext,
}

impl LiveContext {
    /// What is sent now, as [`turn`](Self::turn) says, as a part of a run.
    ///
    /// A compaction is a step of `cx`, named by the number of the turn. What it came to is recorded, and
    /// adopted on a replay even where this version would compact otherwise. A recall store that does not
    /// have what was left out, such as one in the memory of another process, is filled again. Where no
    /// compaction runs there is no step. Where the recall store failed for now, that is recorded too: asked
    /// for again, the turn has a step of its own, and a replay comes to the one that went well.
    ///
    /// # Errors
    /// Those of [`turn`](Self::turn), classed, and of [`RunContext::step`]. Nothing has changed then.
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed, and the same call can be made again.
    pub async fn turn_in(
        &mut self,
        query: Option<&Query>,
        cx: &RunContext,
    ) -> Result<Turn<'_>, AgentError> {
        if !self.is_due() {
            return Ok(self.send(None)?);
        }
        let (turn, pushed) = (self.turns.saturating_add(1), self.window.segments().len());
        let unfilled = self.unfilled.take();
        let (reduced, is_kept) =
            match unfilled.filter(|before| (before.turn, before.pushed) == (turn, pushed)) {
                Some(Unfilled { reduced, .. }) => (reduced, false),
                None => self.compact_in(turn, query, cx).await?,
            };
        if !is_kept && let Err(error) = self.refill(&reduced.report, query) {
            self.unfilled = Some(Unfilled { turn, pushed, reduced });
            return Err(error.into());
        }
        Ok(self.send(Some(reduced))?)
    }

    /// What a compaction has come to, now or when it was recorded; and whether it was now, so that what it
    /// left out is kept.
    async fn compact_in(
        &self,
        turn: u64,
        query: Option<&Query>,
        cx: &RunContext,
    ) -> Result<(ReducedContext, bool), AgentError> {
        let window = self.window.segments();
        let occasion = Occasion { turn, tokens: self.window.tokens(), window };
        // A turn that is asked for again has the same name, so that the next one has its own.
        let name = format!("compact-{turn}");
        loop {
            let ran = AtomicBool::new(false);
            let failed = OnceLock::new();
            let body = |_, _| async {
                match self.compact(query) {
                    Ok(reduced) => {
                        ran.store(true, Ordering::Relaxed);
                        Ok(Some(Recorded::of(reduced, &self.window)))
                    }
                    // Recorded too, so that a replay does not take this name for what came of the next.
                    Err(error) if error.class() == Class::Transient => {
                        _ = failed.set(error);
                        Ok(None)
                    }
                    Err(error) => Err(error.into()),
                }
            };
            let recorded: Option<Recorded> =
                cx.step(&name, Effect::Idempotent, occasion, body).await?;
            match (recorded, failed.into_inner()) {
                (Some(recorded), _) => {
                    return Ok((recorded.read(&self.window)?, ran.into_inner()));
                }
                (None, Some(error)) => return Err(error.into()),
                // It failed when it was recorded, and was asked for again.
                (None, None) => {}
            }
        }
    }

    /// Has the recall store keep what a recorded compaction left out.
    fn refill(&self, report: &Report, query: Option<&Query>) -> Result<(), ContextError> {
        if keep_originals(report, &self.window, &**self.optimizer.recall_store())? {
            return Ok(());
        }
        match self.compact(query) {
            Err(error @ ContextError::Recall { .. }) => Err(error),
            // What is recorded holds, whatever this version makes of it.
            _ => Ok(()),
        }
    }
}
