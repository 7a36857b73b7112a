use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recall::{Handle, NoHandle, RecallError, RecallStore, ShortHandle};
use crate::segment::LineRange;

/// What a model asks for, and what it is told to ask for next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The digits behind the word recall in a marker like […34 lines: recall 3fa29c01b7de].
    #[schemars(with = "String", regex(pattern = r"^[0-9a-f]{12}([0-9a-f]{52})?$"))]
    pub(super) handle: Asked,
    /// Only these lines, counted from 1: 120-180, or 120- for all from there on. All by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9]+(-[0-9]*)?$"))]
    pub(super) lines: Option<Wanted>,
    /// Only the lines that have each of these words, in any order, with two lines around each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) search: Option<String>,
    /// Leaves out so many characters of the first line. Only to read on in a very long line, as the
    /// `next` of an answer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) skip: Option<usize>,
    /// The most tokens of text to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<NonZeroUsize>,
}

/// A handle as a model writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) enum Asked {
    Short(ShortHandle),
    Whole(Handle),
}

impl Asked {
    pub(super) fn handle(self, store: &dyn RecallStore) -> Result<Handle, RecallError> {
        match self {
            Self::Short(short) => store.find(short),
            Self::Whole(handle) => Ok(handle),
        }
    }
}

impl TryFrom<String> for Asked {
    type Error = NoHandle;

    fn try_from(text: String) -> Result<Self, NoHandle> {
        text.parse().map(Self::Short).or_else(|_| text.parse().map(Self::Whole))
    }
}

impl From<Asked> for String {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Short(short) => short.to_string(),
            Asked::Whole(handle) => handle.to_string(),
        }
    }
}

/// `first-last`, `first-`, or one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Wanted(LineRange);

impl Wanted {
    /// From a line to the end; `None` for line 0.
    pub(super) fn from(first: usize) -> Option<Self> {
        LineRange::new(first, usize::MAX).map(Self)
    }

    /// Those of the lines that a text of so many lines has, or the whole range, if it has none.
    pub(super) fn within(self, lines: usize) -> LineRange {
        LineRange::new(self.0.first(), self.0.last().min(lines)).unwrap_or(self.0)
    }

    /// The same without what comes before a line.
    pub(super) fn starting_at(self, first: usize) -> Option<Self> {
        LineRange::new(first, self.0.last()).map(Self)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{text:?} are no lines: give the first and the last, counted from 1, such as 120-180")]
pub(super) struct NoLines {
    text: String,
}

impl FromStr for Wanted {
    type Err = NoLines;

    fn from_str(text: &str) -> Result<Self, NoLines> {
        let range = match text.split_once('-') {
            None => text.parse().ok().and_then(|line| LineRange::new(line, line)),
            Some((first, "")) => first.parse().ok().and_then(|f| LineRange::new(f, usize::MAX)),
            Some((first, last)) => {
                let ends = first.parse().ok().zip(last.parse().ok());
                ends.and_then(|(first, last)| LineRange::new(first, last))
            }
        };
        range.map(Self).ok_or_else(|| NoLines { text: text.to_owned() })
    }
}

impl TryFrom<String> for Wanted {
    type Error = NoLines;

    fn try_from(text: String) -> Result<Self, NoLines> {
        text.parse()
    }
}

impl From<Wanted> for String {
    fn from(Wanted(range): Wanted) -> Self {
        match range.last() {
            usize::MAX => format!("{}-", range.first()),
            _ => range.to_string(),
        }
    }
}
