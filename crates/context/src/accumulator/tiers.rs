use serde::{Deserialize, Serialize};

use super::AccumulatorError;

/// Where findings go in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tier {
    /// Into the system prompt, as they are.
    System,
    /// Into the task, as they are.
    Task,
    /// Into the store for recall. The task says what is there and how it is had back.
    Reference,
    /// As a reference, and what matters most of it stands in the task too.
    Summary,
}

/// How many bytes of findings go where.
///
/// By default below 1 KB into the system prompt, below 10 KB into the task, up to 50 KB behind a
/// reference, and above that with a summary; a KB has 1,024 bytes. Of two equal limits, nothing is of
/// the tier between them.
///
/// ```
/// use maniple_context::{Tier, Tiers};
///
/// let tiers = Tiers::default();
/// assert_eq!(tiers.of(1_023), Tier::System);
/// assert_eq!(tiers.of(1_024), Tier::Task);
/// assert_eq!(tiers.of(10_240), Tier::Reference);
/// assert_eq!(tiers.of(51_200), Tier::Reference);
/// assert_eq!(tiers.of(51_201), Tier::Summary);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    system: usize,
    task: usize,
    reference: usize,
}

impl Tiers {
    /// Less than `system` bytes into the system prompt, less than `task` into the task, up to
    /// `reference` behind a reference, and more with a summary.
    ///
    /// # Errors
    /// [`AccumulatorError::Descending`] where a limit is less than the one before it.
    pub fn new(system: usize, task: usize, reference: usize) -> Result<Self, AccumulatorError> {
        if system <= task && task <= reference {
            Ok(Self { system, task, reference })
        } else {
            Err(AccumulatorError::Descending { system, task, reference })
        }
    }

    /// The tier of so many bytes.
    pub fn of(self, bytes: usize) -> Tier {
        if bytes < self.system {
            Tier::System
        } else if bytes < self.task {
            Tier::Task
        } else if bytes <= self.reference {
            Tier::Reference
        } else {
            Tier::Summary
        }
    }
}

impl Default for Tiers {
    fn default() -> Self {
        Self { system: 1 << 10, task: 10 << 10, reference: 50 << 10 }
    }
}
