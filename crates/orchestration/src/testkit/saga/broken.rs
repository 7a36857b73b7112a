use std::fmt::{self, Debug};
use std::sync::Arc;

use maniple_core::AgentError;

/// What was put into a saga to see how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SagaFault {
    /// Nothing.
    Nothing,
    /// The action fails for good, before it begins.
    ActionFails,
    /// The action happens, and its answer is lost.
    ActionLost,
    /// The action panics before it begins.
    ActionPanics,
    /// The action panics when it has happened.
    ActionPanicsLate,
    /// The action happens twice.
    ActionTwice,
    /// The run is cancelled during the action.
    Cancelled,
    /// The undo fails for good, before it begins.
    UndoFails,
    /// The undo has worked, and fails.
    UndoFailsLate,
    /// The undo panics before it begins.
    UndoPanics,
    /// The undo panics when it has worked.
    UndoPanicsLate,
    /// The undo works twice.
    UndoTwice,
    /// The process dies when its journal has taken so many records.
    Crash {
        /// How many.
        records: usize,
    },
    /// A later step has failed, and the process dies when its journal has taken so many records.
    CrashOfUndos {
        /// How many.
        records: usize,
    },
}

impl fmt::Display for SagaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing goes wrong",
            Self::ActionFails => "the action fails",
            Self::ActionLost => "the answer of the action is lost",
            Self::ActionPanics => "the action panics before it begins",
            Self::ActionPanicsLate => "the action panics when it has happened",
            Self::ActionTwice => "the action happens twice",
            Self::Cancelled => "the run is cancelled during the action",
            Self::UndoFails => "the undo fails before it begins",
            Self::UndoFailsLate => "the undo fails when it has worked",
            Self::UndoPanics => "the undo panics before it begins",
            Self::UndoPanicsLate => "the undo panics when it has worked",
            Self::UndoTwice => "the undo works twice",
            Self::Crash { records } => {
                return write!(f, "the process dies after {records} records");
            }
            Self::CrashOfUndos { records } => {
                return write!(f, "the step fails and the process dies after {records} records");
            }
        })
    }
}

/// A fault, and where it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disturbance {
    /// The step.
    pub step: Arc<str>,
    /// The fault.
    pub fault: SagaFault,
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, fault } = self;
        write!(f, "at {step:?} {fault}")
    }
}

/// A law that a saga breaks, and the step that breaks it.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrokenSaga<S> {
    /// Undisturbed, it does not commit, so there is nothing to disturb.
    Failed(AgentError),
    /// It was taken back, and the world is not as it was at first.
    NotTakenBack {
        /// The step after whose undo the world was not as it was before its action.
        step: Arc<str>,
        /// What went wrong.
        disturbed: Disturbance,
        /// The world at first.
        expected: S,
        /// The world now.
        found: S,
    },
    /// It has committed, and the world is not as an undisturbed run leaves it.
    NotCommitted {
        /// The step after whose action the world was not as in an undisturbed run.
        step: Arc<str>,
        /// What went wrong.
        disturbed: Disturbance,
        /// The world that an undisturbed run leaves.
        expected: S,
        /// The world now.
        found: S,
    },
    /// It has ended in another way than it has to.
    Ended {
        /// The step that made it end so, or the one that was disturbed.
        step: Arc<str>,
        /// What went wrong.
        disturbed: Disturbance,
        /// How it has to end: "committed", "compensated" or "parked".
        expected: &'static str,
        /// With what it has ended; `None` where it has committed.
        found: Option<AgentError>,
    },
}

impl<S> BrokenSaga<S> {
    /// The step that breaks the law, where one does.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Failed(_) => None,
            Self::NotTakenBack { step, .. }
            | Self::NotCommitted { step, .. }
            | Self::Ended { step, .. } => Some(step),
        }
    }
}

impl<S: Debug> fmt::Display for BrokenSaga<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => {
                write!(f, "cannot check a saga that does not commit by itself: {error}")
            }
            Self::NotTakenBack { step, disturbed, expected, found } => write!(
                f,
                "step {step:?} is not taken back where {disturbed}: the world is {found:?} instead \
                 of {expected:?}"
            ),
            Self::NotCommitted { step, disturbed, expected, found } => write!(
                f,
                "step {step:?} leaves another world where {disturbed}: it is {found:?} instead of \
                 {expected:?}"
            ),
            Self::Ended { step, disturbed, expected, found: Some(found) } => write!(
                f,
                "step {step:?} is why the saga has not {expected} where {disturbed}: {found}"
            ),
            Self::Ended { step, disturbed, expected, found: None } => {
                write!(
                    f,
                    "step {step:?} is why the saga committed and has not {expected} where \
                     {disturbed}"
                )
            }
        }
    }
}

impl<S: Debug> std::error::Error for BrokenSaga<S> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) | Self::Ended { found: Some(error), .. } => Some(error),
            _ => None,
        }
    }
}
