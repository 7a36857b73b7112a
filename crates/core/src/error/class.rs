use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::AgentError;

/// What a failure means to whoever has to decide what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// The effect did not happen and may be tried again.
    Transient,
    /// The effect did not happen and trying again will not help.
    Permanent,
    /// The effect may or may not have happened: a lost answer, an ambiguous timeout.
    Indeterminate,
    /// The run, or this part of it, was asked to stop.
    Cancelled,
    /// The working time of this context is used up.
    DeadlineExceeded,
    /// The lease of this context cannot cover the next reservation.
    BudgetExhausted,
    /// The agent panicked.
    Panicked,
    /// The branch waits for a signal; it is not a failure.
    Suspended,
    /// An operator has to decide before the branch can go on.
    Parked,
    /// The code that replays is not the code that was recorded.
    Diverged,
}

impl Class {
    /// Whether a context that met this class answers every later step the same.
    pub fn latches(self) -> bool {
        matches!(self, Self::Suspended | Self::Parked | Self::Cancelled)
    }

    /// Whether an outcome of this class is final for a step or a branch, and so is recorded as its
    /// receipt. Everything else may be entered again.
    pub fn is_receipt(self) -> bool {
        matches!(self, Self::Permanent)
    }

    /// Whether the effect is known not to have happened, so that running it again is not in doubt.
    pub fn is_certain(self) -> bool {
        matches!(self, Self::Transient | Self::Permanent | Self::BudgetExhausted)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Indeterminate => "indeterminate",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::BudgetExhausted => "budget exhausted",
            Self::Panicked => "panicked",
            Self::Suspended => "suspended",
            Self::Parked => "parked",
            Self::Diverged => "diverged",
        })
    }
}

/// A host's own error that knows its [`Class`], and so converts into an [`AgentError`] with `?`.
///
/// ```
/// use maniple_core::{AgentError, Class, Classify};
///
/// #[derive(Debug)]
/// enum ModelError {
///     Overloaded,
///     UnknownModel,
/// }
/// impl std::fmt::Display for ModelError {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str(match self {
///             Self::Overloaded => "the model is overloaded",
///             Self::UnknownModel => "no such model",
///         })
///     }
/// }
/// impl std::error::Error for ModelError {}
/// impl Classify for ModelError {
///     fn class(&self) -> Class {
///         match self {
///             Self::Overloaded => Class::Transient,
///             Self::UnknownModel => Class::Permanent,
///         }
///     }
/// }
///
/// fn call() -> Result<(), AgentError> {
///     Err(ModelError::Overloaded)?
/// }
/// assert_eq!(call().unwrap_err().class(), Class::Transient);
/// ```
pub trait Classify: Error {
    /// The class of this error.
    fn class(&self) -> Class;

    /// How long it says to wait before trying again, where it does; see
    /// [`AgentError::transient_for`].
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Classes the errors of other libraries: `std::fs::read(path).class(Class::Permanent)?`.
pub trait ResultExt<T>: sealed::Sealed {
    /// Turns a foreign error into an [`AgentError`] of the class given, keeping it as the source.
    ///
    /// # Errors
    /// The error of `self`, classed.
    fn class(self, class: Class) -> Result<T, AgentError>;
}

impl<T, E> ResultExt<T> for Result<T, E>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn class(self, class: Class) -> Result<T, AgentError> {
        self.map_err(|error| AgentError::new(class, error))
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T, E> Sealed for Result<T, E> {}
}
