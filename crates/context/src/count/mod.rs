//! How many tokens a text costs.

mod boundary;
mod tiktoken;

use std::fmt;

pub use tiktoken::{Encoding, Tiktoken, UnknownEncoding};

/// Counts the tokens of a text as one model's tokenizer would.
///
/// A count is exact for the encoding that it names. Whatever only estimates is not a
/// `TokenCounter`. The same text must always count the same, for counts are cached.
pub trait TokenCounter: fmt::Debug + Send + Sync {
    /// The number of tokens of `text`, all of it taken as ordinary text.
    fn count(&self, text: &str) -> usize;

    /// The name of the encoding, such as `o200k_base`: counts of equal names are interchangeable.
    fn encoding(&self) -> &str;
}

const _: Option<&dyn TokenCounter> = None;
