use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The identity of a session: a UUIDv7, so that ids sort by the time at which they were made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(Uuid);

impl SessionId {
    /// A fresh id. Within a process, each is greater than those before it.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// A number that nobody has had, from what is random in an id.
    pub(crate) fn random() -> u64 {
        Uuid::now_v7().as_u64_pair().1
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    /// Reads an id as it is shown.
    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        let invalid = || InvalidSessionId { text: text.to_owned() };
        let id = Uuid::try_parse(text).map_err(|_| invalid())?;
        // The other spellings of a UUID would give one session two names.
        if id.get_version_num() == 7 && id.to_string() == text {
            Ok(Self(id))
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> Result<Self, InvalidSessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no [`SessionId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a session id: expected a UUIDv7 in lowercase with hyphens")]
#[non_exhaustive]
pub struct InvalidSessionId {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_their_text() {
        let ids: Vec<SessionId> = (0..1000).map(|_| SessionId::generate()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].to_string().parse(), Ok(ids[0]));
    }

    #[test]
    fn other_uuids_and_other_spellings_are_refused() {
        let good = "0198a6c0-5a00-7abc-8def-0123456789ab";
        assert!(good.parse::<SessionId>().is_ok());
        for bad in [
            "",
            "0198A6C0-5A00-7ABC-8DEF-0123456789AB",
            "0198a6c05a007abc8def0123456789ab",
            "{0198a6c0-5a00-7abc-8def-0123456789ab}",
            "0198a6c0-5a00-4abc-8def-0123456789ab",
            "../../etc/passwd",
        ] {
            assert_eq!(bad.parse::<SessionId>(), Err(InvalidSessionId { text: bad.into() }));
        }
    }
}
