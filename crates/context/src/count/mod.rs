//! How many tokens a text costs.

mod boundary;
#[cfg(feature = "bpe")]
mod bpe;
mod estimate;
#[cfg(test)]
mod samples;
mod tiktoken;

use std::fmt;

#[cfg(feature = "bpe")]
pub use bpe::Bpe;
pub use estimate::Estimate;
pub use tiktoken::{Encoding, Tiktoken, UnknownEncoding};

/// Counts the tokens of a text as one model's tokenizer would.
///
/// A count is exact for the encoding that it names. Whatever only estimates is not a
/// `TokenCounter` but an [`Estimate`]. The same text must always count the same, for counts are cached.
pub trait TokenCounter: fmt::Debug + Send + Sync {
    /// The number of tokens of `text`, all of it taken as ordinary text.
    fn count(&self, text: &str) -> usize;

    /// The name of the encoding, such as `o200k_base`: counts of equal names are interchangeable.
    fn encoding(&self) -> &str;

    /// Whether no token crosses from `before` to `after`, so that the two together count the sum of
    /// their counts, whatever stands before and after both.
    ///
    /// So texts each of which is safe next to its neighbour count their sum, and a count of a part
    /// can be kept. It may be asked of any two texts, also of two that something was left out
    /// between; next to an empty text nothing is safe. It looks no further than to the ends of the
    /// white space around the cut.
    ///
    /// The default is `false`, which is always right: it is not known.
    fn is_cut_safe(&self, before: &str, after: &str) -> bool {
        let (_, _) = (before, after);
        false
    }
}

const _: Option<&dyn TokenCounter> = None;
