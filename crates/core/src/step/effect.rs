use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budget::Budget;

/// What a step does to the world, which decides what may be done when it is unknown whether it did.
/// The order is from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it computes or reads.
    Pure,
    /// Doing it twice is the same as doing it once.
    Idempotent,
    /// It can be undone.
    Reversible,
    /// It cannot.
    Irreversible,
}

impl Effect {
    /// Whether a step whose outcome is unknown may simply run again.
    pub fn may_repeat(self) -> bool {
        self <= Self::Idempotent
    }

    /// The options of a step with this effect that sets an amount aside before it begins.
    pub fn reserving(self, amount: Budget) -> StepOptions {
        StepOptions { effect: self, reserve: amount }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pure => "pure",
            Self::Idempotent => "idempotent",
            Self::Reversible => "reversible",
            Self::Irreversible => "irreversible",
        })
    }
}

/// How a step is run. An [`Effect`] alone is one that reserves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepOptions {
    /// What the step does to the world.
    pub effect: Effect,
    /// What is taken out of the lease before the step begins: the most that it may use.
    pub reserve: Budget,
}

impl From<Effect> for StepOptions {
    fn from(effect: Effect) -> Self {
        effect.reserving(Budget::ZERO)
    }
}
