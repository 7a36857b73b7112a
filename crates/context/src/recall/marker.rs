use std::fmt;
use std::num::NonZeroUsize;

use super::{RecallError, RecallStore, ShortHandle};
use crate::text::floor_char_boundary;

/// The short line that stands in a text where something was left out:
/// `[…34 lines: recall 3fa29c01b7de]`.
///
/// It says how much went and how a model gets it back, in about 14 tokens of `o200k_base`, of which
/// the handle takes 8. It has no quote, backslash or control character, so that it stands in a JSON
/// string as it is.
///
/// Anybody can write such a line. A marker counts only if the store [knows](Self::is_known) its
/// handle; any other is plain text.
///
/// ```
/// use maniple_context::{Handle, Left, Marker};
///
/// let marker = Marker::new(34.try_into()?, Left::Lines, Handle::of("34 lines").short());
/// assert_eq!(marker.to_string(), "[…34 lines: recall 3be6e77cbbd6]");
/// assert_eq!(Marker::parse(&marker.to_string()), Some(marker));
/// assert_eq!(Marker::parse("[…some lines: recall 3be6e77cbbd6]"), None);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Marker {
    count: NonZeroUsize,
    left: Left,
    handle: ShortHandle,
}

/// What a [`Marker`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Left {
    /// Lines of a text.
    Lines,
    /// Whole messages.
    Messages,
    /// Tokens, where what went is part of a line.
    Tokens,
}

impl Left {
    const ALL: [Self; 3] = [Self::Lines, Self::Messages, Self::Tokens];

    fn one(self) -> &'static str {
        match self {
            Self::Lines => "line",
            Self::Messages => "message",
            Self::Tokens => "token",
        }
    }
}

const BEFORE: &str = Marker::OPENING;
const BETWEEN: &str = ": recall ";
const AFTER: &str = "]";
/// In bytes, with a count of 20 digits.
const LONGEST: usize = 64;

impl Marker {
    /// What every marker begins with.
    pub(crate) const OPENING: &str = "[…";

    /// Stands for so much, which is recalled by this handle.
    pub fn new(count: NonZeroUsize, left: Left, handle: ShortHandle) -> Self {
        Self { count, left, handle }
    }

    /// Reads a text that is a marker and nothing else, white space around it included: `None` for
    /// whatever [`Display`](fmt::Display) does not write.
    pub fn parse(text: &str) -> Option<Self> {
        let inside = text.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        let (what, handle) = inside.split_once(BETWEEN)?;
        let (count, noun) = what.split_once(' ')?;
        let left = Left::ALL.into_iter().find(|left| noun.starts_with(left.one()))?;
        let marker = Self::new(count.parse().ok()?, left, handle.parse().ok()?);
        // Other spellings of the number and the noun are not ours.
        (marker.to_string() == text).then_some(marker)
    }

    /// The markers in a text, in lines of their own or not, each with the byte at which it begins.
    pub fn all_in(text: &str) -> impl Iterator<Item = (usize, Self)> {
        text.match_indices(BEFORE).filter_map(|(at, _)| {
            let rest = &text[at..floor_char_boundary(text, at.saturating_add(LONGEST))];
            let end = rest.find(AFTER)? + AFTER.len();
            Some((at, Self::parse(&rest[..end])?))
        })
    }

    /// How many were left out.
    pub fn count(&self) -> NonZeroUsize {
        self.count
    }

    /// What is counted.
    pub fn left(&self) -> Left {
        self.left
    }

    /// What recalls it.
    pub fn handle(&self) -> ShortHandle {
        self.handle
    }

    /// Whether the store keeps what the marker stands for; if not, somebody else wrote the line.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub fn is_known(&self, store: &dyn RecallStore) -> Result<bool, RecallError> {
        Ok(!store.candidates(self.handle)?.is_empty())
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, left, handle } = self;
        let plural = if count.get() == 1 { "" } else { "s" };
        write!(f, "{BEFORE}{count} {}{plural}{BETWEEN}{handle}{AFTER}", left.one())
    }
}
