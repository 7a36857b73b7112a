//! What a run tells those who listen.

mod hub;
mod json_lines;
mod sink;
mod stream;
mod trace;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub(crate) use hub::Hub;
pub use sink::EventSink;
pub use stream::{Events, Lost};
pub use trace::TracingSink;
#[cfg(feature = "tools")]
pub(crate) use trace::tool_span;
pub(crate) use trace::{agent_span, mark_failed, mark_used, step_span};

use crate::budget::Budget;
use crate::error::RecordedError;
use crate::identity::{Key, RunId};
use crate::policy::BreakerState;
use crate::step::Effect;

/// Something that happened in a run.
///
/// A host hears of it as a stream ([`Run::events`](crate::Run::events)), as lines of JSON
/// ([`Events::write_json_lines`]), through `tracing` ([`TracingSink`]), or by an [`EventSink`] of its
/// own. It holds no input and no output of an agent; the texts of errors and of progress are the
/// agent's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// The run.
    pub run: RunId,
    /// The context or step that it happened to.
    pub path: Key,
    /// Counts the events of this process's part of the run, from 0. None is made, and none counted,
    /// while nobody listens; in a stream a number that is left out is an event that was lost. The
    /// events of one context come in its order.
    pub sequence: u64,
    /// When.
    pub time: SystemTime,
    /// What.
    pub kind: EventKind,
}

/// What an [`AgentEvent`] says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The run was opened. It comes first, so that only who listened before
    /// ([`RunBuilder::with_sink`](crate::RunBuilder::with_sink),
    /// [`RunBuilder::events`](crate::RunBuilder::events)) hears of it.
    Opened {
        /// The name that the run was first opened with.
        name: Arc<str>,
        /// How many records its journal held: 0 for a new run.
        records: u64,
    },
    /// An agent began.
    Started,
    /// An agent ended; `None` is success. One that was dropped or aborted has no end of its own.
    Finished {
        /// The failure, if it was one.
        error: Option<RecordedError>,
    },
    /// The body of a step began.
    StepStarted {
        /// The step's effect.
        effect: Effect,
    },
    /// The body of a step ended; `None` is success.
    StepFinished {
        /// The failure, if it was one.
        error: Option<RecordedError>,
        /// How long the body ran.
        took: Duration,
        /// What it used.
        spent: Budget,
    },
    /// A step or branch was answered from the journal.
    Replayed,
    /// An earlier process left this step in doubt, or its output was withheld.
    InDoubt {
        /// The step's effect.
        effect: Effect,
    },
    /// An attempt failed and another one follows.
    Retried {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        error: RecordedError,
    },
    /// An agent's [time](crate::policy::Timeout) was up.
    TimedOut {
        /// How much working time it had.
        after: Duration,
    },
    /// An agent failed and [the other one](crate::AgentExt::with_fallback) is asked.
    FellBack {
        /// Why.
        error: RecordedError,
    },
    /// A [`Breaker`](crate::policy::Breaker) opened, closed, or lets probes through, by a call that
    /// was made here.
    BreakerChanged {
        /// The breaker's name.
        breaker: Arc<str>,
        /// What it does from now on.
        state: BreakerState,
    },
    /// An agent told how far it is.
    Progress(Progress),
    /// Four fifths of a lease are used.
    BudgetLow {
        /// What remains.
        remaining: Budget,
    },
    /// A branch waits for a signal.
    Suspended,
    /// Tasks did not end when they were aborted: they block their thread.
    Zombies {
        /// How many.
        tasks: usize,
    },
}

/// How far an agent is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub message: Arc<str>,
    /// How much is done, in units of the agent's own.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
}
