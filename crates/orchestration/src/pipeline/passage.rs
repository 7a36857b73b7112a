use std::fmt;
use std::sync::{Arc, Mutex};

use maniple_core::{AgentError, RunContext, Timing};
use tokio::time::Instant;

use super::gates::Ticket;
use crate::fan_out::{End, lock};
use crate::report::PatternReport;

/// One item on its way through the stages.
#[doc(hidden)]
pub struct Passage {
    cx: RunContext,
    /// Where there are more items on their way that it has to mind.
    ticket: Option<Ticket>,
    /// How many stages are still to be entered, of an item that is recorded as a whole.
    left: Option<usize>,
    /// Where stages are what is reported of.
    report: Option<Arc<Mutex<PatternReport>>>,
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").field("cx", &self.cx).finish_non_exhaustive()
    }
}

impl Passage {
    pub(super) fn alone(cx: RunContext, report: Arc<Mutex<PatternReport>>) -> Self {
        Self { cx, ticket: None, left: None, report: Some(report) }
    }

    pub(super) fn among_others(cx: RunContext, ticket: Option<Ticket>, stages: usize) -> Self {
        Self { cx, ticket, left: Some(stages), report: None }
    }

    /// The item's own context.
    pub(super) fn context(&self) -> &RunContext {
        &self.cx
    }

    /// The right to pass, which those behind wait for.
    pub(super) fn into_ticket(self) -> Option<Ticket> {
        self.ticket
    }

    /// Enters the next stage, when there is room.
    pub(super) async fn enter(&mut self, stage: &str) -> Result<RunContext, AgentError> {
        self.cx.pause_point().await?;
        if let Some(ticket) = &mut self.ticket {
            ticket.enter(&self.cx).await?;
        }
        if let Some(report) = &self.report {
            lock(report).started += 1;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.cx.child(stage))
    }

    /// Whether the output of the stage that was entered is that of the item, and recorded as such.
    pub(super) fn is_at_the_end(&self) -> bool {
        self.left == Some(0)
    }

    /// Leaves the stage, when there is room behind it.
    pub(super) async fn leave(&mut self) -> Result<(), AgentError> {
        match &mut self.ticket {
            Some(ticket) => ticket.leave(&self.cx).await,
            None => Ok(()),
        }
    }

    /// The time, where somebody asks for it.
    pub(super) fn began(&self) -> Option<Instant> {
        self.report.is_some().then(Instant::now)
    }

    pub(super) fn ended<T>(&self, began: Option<Instant>, result: &Result<T, AgentError>) {
        if let (Some(report), Some(began)) = (&self.report, began) {
            let timing = Timing { ran: began.elapsed(), ..Timing::default() };
            let result = result.as_ref().map(drop).map_err(Clone::clone);
            lock(report).count(timing, &End::Ran(result));
        }
    }
}
