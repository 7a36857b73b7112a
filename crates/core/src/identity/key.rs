use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The place of a context, step, signal, version or decision in a run, as
/// `/review/map[17]/summarize#2`.
///
/// It is the same in every attempt and in every process. `/` opens a child or a step, `[…]` a keyed
/// child, `!` a signal, `@` a version and `:` a decision; `#2` is the second of its name. The root
/// is the empty key, shown as `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Arc<str>", from = "Arc<str>")]
pub struct Key(Arc<str>);

/// What a key's last part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sigil {
    /// A child context, a durable branch or a step.
    Child,
    Signal,
    Version,
    Decision,
}

impl Sigil {
    pub(crate) fn char(self) -> char {
        match self {
            Self::Child => '/',
            Self::Signal => '!',
            Self::Version => '@',
            Self::Decision => ':',
        }
    }
}

impl Key {
    /// The characters that can follow a context's key in the key of something inside it.
    pub(crate) const INSIDE: [char; 5] = ['/', '[', '!', '@', ':'];

    /// A key as [`Display`](fmt::Display) writes it, for example from an operator's command line.
    pub fn new(text: &str) -> Self {
        // The empty text of the standard library is shared, and allocates nothing.
        Self(if matches!(text, "" | "/") { Arc::default() } else { text.into() })
    }

    /// The key's text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the key of a signal.
    pub(crate) fn is_signal(&self) -> bool {
        self.last_part().is_some_and(|at| self.0[at..].starts_with(Sigil::Signal.char()))
    }

    /// The key that this one stands directly inside of; `None` for the root.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.last_part().map(|at| &self.0[..at])
    }

    /// Where the last part begins. It is looked for byte by byte: every record's key comes by here,
    /// and all that can begin a part is ASCII.
    fn last_part(&self) -> Option<usize> {
        self.0.bytes().rposition(|byte| Self::INSIDE.contains(&char::from(byte)))
    }

    /// Whether `self` stands inside `outer`: a step of it, or anything in a child of it.
    pub fn is_inside(&self, outer: &Self) -> bool {
        self.0
            .strip_prefix(outer.as_str())
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| Self::INSIDE.contains(&c))
    }
}

impl From<Key> for Arc<str> {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        if &*text == "/" { Self::new("") } else { Self(text) }
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
