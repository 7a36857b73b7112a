use std::time::Duration;

use maniple_core::{Class, RunContext};

use crate::policy::Tolerance;

/// How long children may work: as long as the pattern's context, or until a deadline that settles the
/// pattern instead of failing it.
pub(super) struct Time<'a> {
    around: &'a RunContext,
    deadline: Option<Deadline>,
}

struct Deadline {
    after: Duration,
    /// The pattern's context, up to the deadline.
    cx: RunContext,
}

impl<'a> Time<'a> {
    /// The deadline is journaled when it is first come by; where the pattern was settled before, it
    /// has had its say.
    pub(super) fn of(around: &'a RunContext, tolerance: Tolerance, is_settled: bool) -> Self {
        let deadline = match tolerance {
            Tolerance::Within { after, .. } => {
                // Come by in every process, so that it goes by the same name in each.
                let cx = around.clone().with_deadline(after);
                (!is_settled).then_some(Deadline { after, cx })
            }
            _ => None,
        };
        Self { around, deadline }
    }

    /// What the children's scope is open on.
    pub(super) fn cx(&self) -> &RunContext {
        self.deadline.as_ref().map_or(self.around, |deadline| &deadline.cx)
    }

    /// Whether the deadline has passed, and none around it.
    pub(super) fn is_up(&self) -> bool {
        let passed = |deadline: &Deadline| {
            let checked = deadline.cx.check();
            checked.is_err_and(|error| error.class() == Class::DeadlineExceeded)
        };
        self.deadline.as_ref().is_some_and(passed) && self.around.check().is_ok()
    }

    /// How long children may take to end, once they are stopped. Where the deadline had passed before
    /// they are come by, what was in time replays, and nobody knows how long that takes.
    pub(super) fn grace(&self, grace: Duration) -> Duration {
        match &self.deadline {
            Some(deadline) if self.is_up() => grace.max(deadline.after),
            _ => grace,
        }
    }

    /// Where inputs are pulled although the deadline has passed, the context that stops that. What was
    /// in time replays, and the journal refuses what would begin.
    pub(super) fn replays_until(&self, recorded: bool) -> Option<RunContext> {
        let replays = self.deadline.is_some() && (recorded || self.is_up());
        replays.then(|| self.around.clone())
    }
}
