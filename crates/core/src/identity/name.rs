use std::fmt::{self, Write as _};
use std::sync::Arc;

/// One part of a path.
///
/// The characters that separate parts (`/ [ ] # ! @ :`), `%` and control characters are escaped as
/// `%XX`, so `child("a/b")` and `child("a").child("b")` are two places. Every text is a valid name;
/// the empty one is written `%`.
///
/// ```
/// use maniple_core::Name;
/// assert_eq!(Name::new("summarize").as_str(), "summarize");
/// assert_eq!(Name::new("a/b").as_str(), "a%2Fb");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Escapes a text into a name.
    pub fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self("%".into());
        }
        if !text.chars().any(reserved) {
            return Self(text.into());
        }
        let mut escaped = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if reserved(c) {
                // Every reserved character is below U+00FF, so two digits are enough.
                write!(escaped, "%{:02X}", u32::from(c))
                    .expect("writing to a string does not fail");
            } else {
                escaped.push(c);
            }
        }
        Self(escaped.into())
    }

    /// As [`new`](Self::new), and no text is written as an index is.
    pub(crate) fn keyed(text: &str) -> Self {
        match text.bytes().next() {
            Some(first) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self(format!("%{first:02X}{}", &text[1..]).into())
            }
            _ => Self::new(text),
        }
    }

    /// A name that is taken as it is; those that begin with `%` and no digits are Maniple's own, since
    /// the escaped text of a host never does.
    pub(crate) fn verbatim(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether it is one of Maniple's own; escapes have capital letters.
    pub(crate) fn is_ours(&self) -> bool {
        let mut text = self.0.bytes();
        text.next() == Some(b'%') && text.next().is_some_and(|byte| byte.is_ascii_lowercase())
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn reserved(c: char) -> bool {
    matches!(c, '/' | '[' | ']' | '#' | '!' | '@' | ':' | '%') || c.is_control()
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
