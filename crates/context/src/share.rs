use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ContextError;

/// A share of the whole, in millionths, so that it is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct Share(u32);

const WHOLE: u32 = 1_000_000;

impl Share {
    pub(crate) fn new(share: f64) -> Result<Self, ContextError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(ContextError::NoShare { share });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at most a million"
        )]
        let millionths = (share * f64::from(WHOLE)).round() as u32;
        Ok(Self(millionths))
    }

    /// So many millionths, at most all.
    pub(crate) const fn millionths(millionths: u32) -> Self {
        assert!(millionths <= WHOLE, "a share is at most the whole");
        Self(millionths)
    }

    /// Whether `part` is at least this share of `whole`.
    pub(crate) fn is_reached(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(WHOLE) >= u128::from(whole) * u128::from(self.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// This share of so many tokens, rounded down.
    pub(crate) fn of(self, tokens: usize) -> usize {
        part(self.0, tokens)
    }

    /// What is left of so many tokens without this share, rounded down.
    pub(crate) fn less(self, tokens: usize) -> usize {
        part(WHOLE - self.0, tokens)
    }
}

fn part(millionths: u32, tokens: usize) -> usize {
    let part = tokens as u128 * u128::from(millionths) / u128::from(WHOLE);
    usize::try_from(part).unwrap_or(tokens)
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} millionths", self.0)
    }
}

impl From<Share> for u32 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl TryFrom<u32> for Share {
    type Error = MoreThanAll;

    fn try_from(millionths: u32) -> Result<Self, MoreThanAll> {
        (millionths <= WHOLE).then_some(Self(millionths)).ok_or(MoreThanAll { millionths })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{millionths} millionths are more than the whole")]
pub(crate) struct MoreThanAll {
    millionths: u32,
}
