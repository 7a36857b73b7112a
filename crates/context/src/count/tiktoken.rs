use std::fmt;
use std::str::FromStr;

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use super::TokenCounter;
use super::boundary::{no_token_crosses, pieces};

/// The encodings that [`Tiktoken`] counts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// `o200k_base`, of GPT-4o and later. The default.
    #[default]
    O200kBase,
    /// `cl100k_base`, of GPT-4 and GPT-3.5.
    Cl100kBase,
}

impl Encoding {
    pub(super) const ALL: [Self; 2] = [Self::O200kBase, Self::Cl100kBase];

    /// The encoding's public name.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    fn vocabulary(self) -> &'static CoreBPE {
        match self {
            Self::O200kBase => o200k_base_singleton(),
            Self::Cl100kBase => cl100k_base_singleton(),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.name() == name)
            .ok_or_else(|| UnknownEncoding { name: name.into() })
    }
}

/// A name that is none of [`Encoding`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no encoding is named {name:?}: use o200k_base or cl100k_base")]
pub struct UnknownEncoding {
    /// The name that was asked for.
    pub name: Box<str>,
}

/// Exact counts by `tiktoken-rs`.
///
/// The vocabulary is loaded at the first count, once per process and encoding (about 0.1 s and
/// 50 MiB for `o200k_base`); values of this type are free. Special tokens such as `<|endoftext|>`
/// count as the plain text that they are in a segment.
///
/// A text of any size and shape is counted in linear time and bounded memory: it is taken in pieces
/// of at most 32 KiB. Pieces end where no token can cross (between two words, or at the start of a
/// line), so the count is that of the whole; only a run of 32 KiB without any such place, such as
/// base64 in one line or a run of spaces, is cut between two characters, and each of those cuts can
/// change the count by a few tokens. The tokenizer alone would panic on a million spaces.
///
/// ```
/// use maniple_context::{Encoding, Tiktoken, TokenCounter};
///
/// let counter = Tiktoken::new(Encoding::O200kBase);
/// assert_eq!(counter.count("hello world"), 2);
/// assert_eq!(counter.encoding(), "o200k_base");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tiktoken {
    encoding: Encoding,
}

impl Tiktoken {
    /// A counter for one encoding.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding }
    }
}

impl TokenCounter for Tiktoken {
    fn count(&self, text: &str) -> usize {
        let vocabulary = self.encoding.vocabulary();
        pieces(text, no_token_crosses).map(|piece| vocabulary.count_ordinary(piece)).sum()
    }

    fn encoding(&self) -> &str {
        self.encoding.name()
    }

    /// A cut is safe before white space that follows anything else, but for line ends after
    /// punctuation, and after the last line end of a run of white space, but for a slash after
    /// punctuation.
    fn is_cut_safe(&self, before: &str, after: &str) -> bool {
        no_token_crosses(before, after)
    }
}
