use maniple_core::{Class, Classify};

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
}

impl Classify for PatternError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}
