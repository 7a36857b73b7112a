use maniple_core::{Class, Classify, Key};

use crate::error::ContextError;
use crate::recall::RecallError;

/// Why findings could not be carried on or injected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccumulatorError {
    /// The limits of the tiers do not ascend.
    #[error(
        "the limits of the tiers, {system}, {task} and {reference} bytes, do not ascend: give each \
         at least what the one before it has"
    )]
    Descending {
        /// The limit of the system prompt.
        system: usize,
        /// The limit of the task.
        task: usize,
        /// The limit of a reference without a summary.
        reference: usize,
    },
    /// A share is a number between 0 and 1.
    #[error(
        "cannot leave out what has less than a share of {share}: give a number between 0 and 1"
    )]
    NoShare {
        /// What was given.
        share: f64,
    },
    /// A record of findings cannot be read: it is damaged, or a later version has written it.
    #[error("cannot read the findings that are recorded as {key}")]
    Unreadable {
        /// The record's key.
        key: Key,
        /// What is wrong with it.
        source: maniple_core::Source,
    },
    /// The text behind a reference could not be kept, so nothing refers to it.
    #[error("cannot refer to the findings: their text could not be kept for recall")]
    Recall {
        /// What the store said.
        source: RecallError,
    },
    /// The findings could not be reduced to a summary.
    #[error("cannot sum up the findings")]
    Summary {
        /// Why not.
        source: ContextError,
    },
}

impl Classify for AccumulatorError {
    fn class(&self) -> Class {
        match self {
            Self::Recall { source } => source.class(),
            Self::Summary { source } => source.class(),
            Self::Descending { .. } | Self::NoShare { .. } | Self::Unreadable { .. } => {
                Class::Permanent
            }
        }
    }
}
