use std::fmt;

use maniple_core::{Class, Classify, RecordedError};

/// What is wrong with how a pattern is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Two inputs of a durable map have one key, so that the journal could not tell them apart.
    #[error("inputs {first} and {second} both have the key {key:?}: key_by must tell inputs apart")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The place of the one input, from 0.
        first: usize,
        /// The place of the other.
        second: usize,
    },
    /// A quorum, or the least that a best effort needs, cannot be reached any more.
    #[error(
        "{succeeded} of {of} children succeeded, where {needed} are needed{}",
        First(first.as_ref())
    )]
    TooFew {
        /// How many had to succeed.
        needed: usize,
        /// How many did.
        succeeded: usize,
        /// How many children there were.
        of: usize,
        /// The first of those that failed, with its index from 0.
        first: Option<(usize, RecordedError)>,
        /// `Permanent` where so many have failed for good, `Transient` where trying those again that
        /// failed for now could reach it, and else what the first of the others failed with, such as
        /// `Panicked`. `DeadlineExceeded` where a pattern's own deadline has ended it before any of that
        /// was known.
        class: Class,
    },
    /// So many responders cannot give the same answer any more.
    #[error(
        "{largest} of {answered} answers agree, where {needed} of {of} responders are needed{}",
        First(first.as_ref())
    )]
    NoAgreement {
        /// How many had to agree.
        needed: usize,
        /// How many did, at most.
        largest: usize,
        /// How many answered until that was known.
        answered: usize,
        /// How many responders there were.
        of: usize,
        /// The first of those that failed, by name, with its place among the names from 0.
        first: Option<(usize, RecordedError)>,
        /// As for [`TooFew`](Self::TooFew), where an answer that disagrees counts as a failure for
        /// good.
        class: Class,
    },
}

struct First<'a>(Option<&'a (usize, RecordedError)>);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((index, error)) => write!(f, "; child {index} failed first: {error}"),
            None => Ok(()),
        }
    }
}

impl Classify for PatternError {
    fn class(&self) -> Class {
        match self {
            Self::DuplicateKey { .. } => Class::Permanent,
            Self::TooFew { class, .. } | Self::NoAgreement { class, .. } => *class,
        }
    }
}
