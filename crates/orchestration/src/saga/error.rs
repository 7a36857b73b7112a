use std::fmt;
use std::sync::Arc;

use maniple_core::{Class, Classify, Effect, RecordedError};
use serde::{Deserialize, Serialize};

/// Why steps make no saga.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SagaError {
    /// Two steps have one name, so that the journal could not tell them apart.
    #[error("two steps are called {step:?}")]
    DuplicateStep {
        /// The name.
        step: Arc<str>,
    },
    /// Steps come after each other in a circle.
    #[error("these steps come after each other in a circle: {}", Names(steps))]
    Cycle {
        /// Each comes after the one before it, and the first after the last.
        steps: Vec<Arc<str>>,
    },
    /// A step comes after one that there is not.
    #[error("step {step:?} comes after {after:?}, and there is no such step")]
    UnknownStep {
        /// The step.
        step: Arc<str>,
        /// What it is to come after.
        after: Arc<str>,
    },
    /// A handle was given by another builder.
    #[error("{step:?} is given a handle of another saga: sagas share values by their inputs")]
    ForeignHandle {
        /// The step, or the name of the saga for its output.
        step: Arc<str>,
    },
    /// A step is given the output of one that it does not come after.
    #[error(
        "step {step:?} is given the output of {given:?} and does not come after it: add .after"
    )]
    NotBefore {
        /// The step.
        step: Arc<str>,
        /// Whose output it is given.
        given: Arc<str>,
    },
    /// A step whose effect is to be taken back says not how.
    #[error("step {step:?} is {effect} and has no undo")]
    MissingUndo {
        /// The step.
        step: Arc<str>,
        /// Its effect.
        effect: Effect,
    },
}

impl Classify for SagaError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// A saga that has failed, and of which everything was taken back. For whoever composes the saga it is a
/// permanent failure.
///
/// As text it says what failed and not what was taken back: a step that a crash has left in doubt is taken
/// back too, so that the text would depend on where the process has died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("step {step:?} failed ({error}), and what was done was taken back")]
pub struct Compensated {
    /// The step that failed first, or was stopped.
    pub step: Arc<str>,
    /// With what.
    pub error: RecordedError,
    /// Every step that was completed, or may have happened, in the order of the graph.
    pub undone: Vec<Arc<str>>,
    /// Those of them for which an operator has answered, instead of their undo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<Arc<str>>,
}

impl Classify for Compensated {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

struct Names<'a>(&'a [Arc<str>]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
