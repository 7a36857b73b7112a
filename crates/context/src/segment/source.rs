use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a segment's text was read, written `name` or `name:first-last`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    name: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<LineRange>,
}

impl Source {
    /// The whole of what is named: a path, a URL, a command.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), lines: None }
    }

    /// Only these lines of it.
    pub fn with_lines(mut self, lines: LineRange) -> Self {
        self.lines = Some(lines);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lines, or none where it is the whole.
    pub fn lines(&self) -> Option<LineRange> {
        self.lines
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lines {
            Some(lines) => write!(f, "{}:{lines}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Lines of a text, counted from 1, both ends included; written `first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct LineRange {
    first: usize,
    last: usize,
}

impl LineRange {
    /// The lines from `first` to `last`; none unless 1 ≤ `first` ≤ `last`.
    pub fn new(first: usize, last: usize) -> Option<Self> {
        (1 <= first && first <= last).then_some(Self { first, last })
    }

    /// The first line, at least 1.
    pub fn first(self) -> usize {
        self.first
    }

    /// The last line, at least the first.
    pub fn last(self) -> usize {
        self.last
    }

    /// How many lines these are, at least 1.
    pub fn count(self) -> usize {
        self.last - self.first + 1
    }
}

impl fmt::Display for LineRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[derive(Serialize, Deserialize)]
struct Ends {
    first: usize,
    last: usize,
}

impl TryFrom<Ends> for LineRange {
    type Error = NoSuchLines;

    fn try_from(Ends { first, last }: Ends) -> Result<Self, NoSuchLines> {
        Self::new(first, last).ok_or(NoSuchLines { first, last })
    }
}

impl From<LineRange> for Ends {
    fn from(LineRange { first, last }: LineRange) -> Self {
        Self { first, last }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("lines {first} to {last} are no range: lines count from 1, and the first comes first")]
struct NoSuchLines {
    first: usize,
    last: usize,
}
