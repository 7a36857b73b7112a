//! Where a step waits for an operator.

use futures::future::FutureExt;
use maniple_core::{AgentError, Key, Payload, RunContext};
use serde::{Deserialize, Serialize};

/// Why a step waits, as it is journaled before anybody hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) saga: String,
    pub(super) step: String,
    pub(super) stuck: Stuck,
    pub(super) reason: String,
}

/// What of a step waits for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stuck {
    /// It may have happened, nobody can tell, and it cannot be taken back.
    Action,
    /// It cannot be taken back: there is no undo, or the undo has failed.
    Undo,
}

/// What an operator decides about a step that is parked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// It is done once more: the action, or the undo.
    Retry,
    /// It is as if it had not been: an action has not happened, and the saga is taken back; an undo is
    /// not needed.
    Skip,
    /// The operator has seen to it by hand: an action has happened, with this output; a step is taken
    /// back, whatever is given.
    Resolve(Payload),
}

/// What came in answer to a question.
pub(super) enum Answer {
    Decided(Decision),
    /// It is no decision, and why. It cannot be taken back, so that the question is put once more.
    Unreadable(String),
}

/// The name of the signal by which a decision comes.
pub(super) const SIGNAL: &str = "decision";
/// The name of the context in which it is waited for.
pub(super) const DESK: &str = "operator";

/// One question to an operator.
pub(super) struct Desk {
    cx: RunContext,
}

impl Desk {
    /// The next one of a step, whose context this is.
    pub(super) fn next(step: &RunContext) -> Self {
        Self { cx: step.child(DESK) }
    }

    /// Why the step waits here, where it did before.
    pub(super) fn note(&self) -> Result<Option<Note>, AgentError> {
        self.cx.settlement_for_good()
    }

    /// Journals that it waits here.
    pub(super) async fn put(&self, note: &Note) -> Result<(), AgentError> {
        self.cx.settle_for_good(note).await
    }

    /// What was answered; `None` where nothing was yet.
    pub(super) async fn answer(&self) -> Result<Option<Answer>, AgentError> {
        let signal = self.cx.signal::<Decision>(SIGNAL);
        // Without a journal a signal is waited for, which would hold the saga up here.
        let decided = if self.cx.has_journal() {
            signal.await
        } else if let Some(decided) = signal.now_or_never() {
            decided
        } else {
            return Ok(None);
        };
        match decided {
            Err(AgentError::Suspended { .. }) => Ok(None),
            Err(AgentError::Codec { source, .. }) => {
                Ok(Some(Answer::Unreadable(format!("what was answered is no decision: {source}"))))
            }
            decided => decided.map(|decided| Some(Answer::Decided(decided))),
        }
    }

    /// The step is parked here.
    pub(super) fn parked(&self, note: &Note) -> AgentError {
        let Note { saga, step, stuck, reason } = note;
        let what = match stuck {
            Stuck::Action => "may have happened",
            Stuck::Undo => "is not taken back",
        };
        let reason = format!(
            "step {step:?} of saga {saga:?} {what}: {reason}; an operator can retry, skip or \
             resolve it"
        );
        let key = Key::new(&format!("{}!{SIGNAL}", self.cx.path().as_str()));
        AgentError::Parked { step: key, reason: reason.into() }
    }
}
