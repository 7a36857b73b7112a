use std::fmt;
use std::str::FromStr;

use maniple_core::Digest;
use serde::{Deserialize, Serialize};

/// Names a dropped text by its content: 64 hexadecimal digits of its BLAKE3.
///
/// ```
/// use maniple_context::Handle;
///
/// let handle = Handle::of("a text");
/// assert_eq!(handle.to_string().parse(), Ok(handle));
/// assert!(handle.to_string().starts_with(&handle.short().to_string()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(Digest);

impl Handle {
    /// The handle of a text.
    pub fn of(text: &str) -> Self {
        Self(Digest::of_bytes(text.as_bytes()))
    }

    /// The digest of the text.
    pub fn digest(&self) -> &Digest {
        &self.0
    }

    /// Its first 12 digits.
    pub fn short(&self) -> ShortHandle {
        let mut bytes = [0; SHORT_BYTES];
        bytes.copy_from_slice(&self.0.as_bytes()[..SHORT_BYTES]);
        ShortHandle(bytes)
    }
}

impl From<Digest> for Handle {
    fn from(digest: Digest) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Handle {
    type Err = NoHandle;

    /// Reads what [`Display`](fmt::Display) writes, and no other spelling of it.
    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let digest = is_hex(text, 64).then(|| text.parse().ok()).flatten();
        digest.map(Self).ok_or_else(|| NoHandle::of(text))
    }
}

const SHORT_BYTES: usize = 6;

/// The first 12 digits of a [`Handle`]: what a marker in a text has room for.
///
/// They are 48 bits. Among a million texts the chance that any two share them is 1 in 560; where two
/// do, a store [answers with both](super::RecallError::Ambiguous), and each can still be had by its
/// whole handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortHandle([u8; SHORT_BYTES]);

impl ShortHandle {
    /// The least and the greatest handle that begin like this.
    ///
    /// Handles are ordered as their digits are, so these are the ends of the range in which an
    /// ordered store looks.
    pub fn range(self) -> std::ops::RangeInclusive<Handle> {
        self.padded('0')..=self.padded('f')
    }

    fn padded(self, digit: char) -> Handle {
        let text = format!("{self}{}", digit.to_string().repeat(64 - 2 * SHORT_BYTES));
        text.parse().expect("it has 64 hexadecimal digits")
    }
}

impl fmt::Display for ShortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ShortHandle {
    type Err = NoHandle;

    /// Reads what [`Display`](fmt::Display) writes, and no other spelling of it.
    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let number = is_hex(text, 2 * SHORT_BYTES).then(|| u64::from_str_radix(text, 16).ok());
        let [_, _, bytes @ ..] = number.flatten().ok_or_else(|| NoHandle::of(text))?.to_be_bytes();
        Ok(Self(bytes))
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A text that is no handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no handle: copy the 12 digits of a marker, or all 64 of a report, \
     each of them 0-9 or a-f"
)]
pub struct NoHandle {
    /// The text, or the beginning of a long one.
    pub text: Box<str>,
}

impl NoHandle {
    fn of(text: &str) -> Self {
        Self { text: text.chars().take(80).collect() }
    }
}
