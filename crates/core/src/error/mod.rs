//! What can go wrong in an agent, and what it means.

mod class;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use class::{Class, Classify, ResultExt};

use crate::budget::Exhausted;
use crate::identity::Key;
use crate::journal::JournalError;

/// Why an agent did not return an output.
///
/// It is cheap to clone and keeps the source of a host's own error. What to do about it is answered
/// by [`class`](Self::class), never by its text. Two results of a run are the same when class and
/// text agree ([`recorded`](Self::recorded)): a replayed failure has lost its typed source.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The host's own error.
    #[error("{source}")]
    Failed {
        /// What the failure means.
        class: Class,
        /// The error itself.
        source: Source,
        /// How long it says to wait before trying again, where it does.
        retry_after: Option<Duration>,
    },
    /// A failure that the journal remembers from an earlier attempt or process.
    #[error("{0}")]
    Recorded(RecordedError),
    /// The run, or this part of it, was asked to stop.
    #[error("cancelled before {key} ended")]
    Cancelled {
        /// The context that stopped.
        key: Key,
    },
    /// The working time of this context is used up.
    #[error("the deadline of {key} has passed")]
    DeadlineExceeded {
        /// The context whose deadline passed.
        key: Key,
    },
    /// The lease cannot cover the next reservation.
    #[error("no budget for {key}: {source}")]
    BudgetExhausted {
        /// The step or child that asked.
        key: Key,
        /// What was asked and what remained.
        source: Exhausted,
    },
    /// The agent panicked; its parent goes on.
    #[error("{key} panicked: {message}")]
    Panicked {
        /// The context or step that panicked.
        key: Key,
        /// The panic's message.
        message: Arc<str>,
    },
    /// The branch waits for signals.
    #[error("waiting for the signals {}", Keys(signals))]
    Suspended {
        /// The keys of all signals waited for, sorted.
        signals: Arc<[Key]>,
    },
    /// An operator has to decide.
    #[error("{step} is parked: {reason}")]
    Parked {
        /// The step in question.
        step: Key,
        /// Why nobody else can decide.
        reason: Arc<str>,
    },
    /// The code that replays is not the code that was recorded. Fork the run before this point, or
    /// pin the change with [`RunContext::version`](crate::RunContext::version).
    #[error("{key} diverged from its journal: {found}")]
    Diverged {
        /// Where the two differ.
        key: Key,
        /// What differs.
        found: Arc<str>,
    },
    /// A step, signal, version, decision or branch was opened inside the body of a step.
    #[error("{key} was opened inside the body of a step: end that step first")]
    NestedStep {
        /// The inner one.
        key: Key,
    },
    /// Two steps of one name are in flight in one context, so that their order would name them.
    #[error("{key} is already in flight in this context: give parallel code a child_at(key) each")]
    ConcurrentStep {
        /// The second one.
        key: Key,
    },
    /// A branch, attempts or a share of the budget want a place of its own, and this one has other content.
    #[error("{key} is in use: give {what} a child context of its own")]
    PlaceInUse {
        /// The place.
        key: Key,
        /// What wanted it: "a branch", "attempts", "a share of the budget", "what follows a branch",
        /// "a policy", "what follows a policy".
        what: &'static str,
    },
    /// The context does not permit this effect or tool.
    #[error("{key} is not permitted: {wanted} exceeds {allowed}")]
    NotPermitted {
        /// The step that asked.
        key: Key,
        /// What it asked for.
        wanted: Arc<str>,
        /// What the context permits.
        allowed: Arc<str>,
    },
    /// An input or output of a step could not be written as, or read back from, JSON.
    #[error("{what} of {key} does not survive the journal: {source}")]
    Codec {
        /// The step or branch.
        key: Key,
        /// "input" or "output".
        what: &'static str,
        /// The serializer's error.
        source: Source,
    },
    /// The journal took no record, so nothing can go on before an operator has seen to it.
    #[error("{key} cannot be journaled: {source}")]
    Journal {
        /// The step or branch whose record it was.
        key: Key,
        /// The journal's error.
        source: JournalError,
    },
}

impl AgentError {
    /// An error of the host's own, with its class.
    pub fn new(class: Class, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { class, source: Source::new(error), retry_after: None }
    }

    /// A transient failure: the effect did not happen, and may be tried again.
    pub fn transient(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Class::Transient, error)
    }

    /// A transient failure that says how long to wait before trying again, as a service does that limits
    /// its callers. A [retry](crate::AgentExt::with_retry) waits for at least that long.
    pub fn transient_for(
        retry_after: Duration,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let (class, source) = (Class::Transient, Source::new(error));
        Self::Failed { class, source, retry_after: Some(retry_after) }
    }

    /// How long the error says to wait before trying again, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A permanent failure: the effect did not happen, and trying again will not help.
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Class::Permanent, error)
    }

    /// What this error means to whoever decides what happens next.
    pub fn class(&self) -> Class {
        match self {
            Self::Failed { class, .. } => *class,
            Self::Recorded(recorded) => recorded.class,
            Self::Cancelled { .. } => Class::Cancelled,
            Self::DeadlineExceeded { .. } => Class::DeadlineExceeded,
            Self::BudgetExhausted { .. } => Class::BudgetExhausted,
            Self::Panicked { .. } => Class::Panicked,
            Self::Suspended { .. } => Class::Suspended,
            Self::Parked { .. } | Self::Journal { .. } => Class::Parked,
            Self::Diverged { .. } => Class::Diverged,
            Self::NestedStep { .. }
            | Self::ConcurrentStep { .. }
            | Self::PlaceInUse { .. }
            | Self::NotPermitted { .. }
            | Self::Codec { .. } => Class::Permanent,
        }
    }

    /// What a journal keeps of this error: its class, and its text with the texts of its sources.
    pub fn recorded(&self) -> RecordedError {
        if let Self::Recorded(recorded) = self {
            return recorded.clone();
        }
        let mut text = self.to_string();
        let mut source = Error::source(self);
        while let Some(error) = source {
            let deeper = error.to_string();
            // Some texts end with that of their source already.
            if !text.ends_with(&deeper) {
                text.push_str(": ");
                text.push_str(&deeper);
            }
            source = error.source();
        }
        RecordedError { class: self.class(), text: text.into() }
    }

    /// The one error that stands for several branches of a settled pattern.
    ///
    /// What an operator must see outranks a failure, a failure outranks waiting, and several
    /// branches that wait become one error that names every signal.
    pub fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Suspended { signals: a }, Self::Suspended { signals: b }) => {
                let all: std::collections::BTreeSet<Key> =
                    a.iter().chain(b.iter()).cloned().collect();
                Self::Suspended { signals: all.into_iter().collect() }
            }
            (a, b) if b.rank() < a.rank() => b,
            (a, _) => a,
        }
    }

    fn rank(&self) -> u8 {
        match self.class() {
            Class::Diverged => 0,
            Class::Parked => 1,
            Class::Cancelled => 4,
            Class::Suspended => 3,
            _ => 2,
        }
    }
}

impl<E> From<E> for AgentError
where
    E: Classify + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        let (class, retry_after) = (error.class(), error.retry_after());
        Self::Failed { class, source: Source::new(error), retry_after }
    }
}

/// A failure as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    /// What the failure means.
    pub class: Class,
    /// The error's text, with the texts of its sources.
    pub text: Arc<str>,
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A shared error of another library.
#[derive(Debug, Clone)]
pub struct Source(Arc<dyn Error + Send + Sync>);

impl Source {
    /// Shares an error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Source {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl std::ops::Deref for Source {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

struct Keys<'a>(&'a [Key]);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.0.iter().enumerate() {
            write!(f, "{}{key}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
