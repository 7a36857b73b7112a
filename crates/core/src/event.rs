//! What a run tells those who listen.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::budget::Budget;
use crate::error::RecordedError;
use crate::identity::{Key, RunId};
use crate::policy::BreakerState;
use crate::step::Effect;

/// Something that happened in a run. Also emitted through `tracing`, under the target `maniple`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// The run.
    pub run: RunId,
    /// The context or step that it happened to.
    pub path: Key,
    /// Counts the events of this process's part of the run. The events of one context come in its
    /// order.
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
    /// An agent began.
    Started,
    /// An agent ended; `None` is success.
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
    /// An earlier process left this step in doubt.
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

/// The events of a run, from the moment of subscribing.
///
/// A listener that is slower than the run loses the oldest events and is told how many; it never
/// slows the run.
#[derive(Debug)]
pub struct Events(pub(crate) broadcast::Receiver<AgentEvent>);

/// This many events were lost, because the listener was slower than the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were lost")]
pub struct Lost(pub u64);

impl Events {
    /// The next event, or `None` when the run is gone.
    ///
    /// # Errors
    /// [`Lost`] where the listener fell behind; the next call goes on after the gap.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped call takes no event.
    pub async fn next(&mut self) -> Option<Result<AgentEvent, Lost>> {
        match self.0.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(lost)) => Some(Err(Lost(lost))),
            Err(RecvError::Closed) => None,
        }
    }
}
