use std::fmt;

use super::SCHEMA;
use crate::session::SessionId;

/// The hash of a log's last line, which stands for everything before it.
///
/// Whoever keeps one elsewhere can tell later whether the log was rewritten. It is shown as 64
/// hexadecimal digits, as in the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHead([u8; 32]);

impl ChainHead {
    /// What stands before the one frame of a `bundle.json`.
    pub(crate) fn of_header() -> Self {
        Self::of_text("maniple bundle")
    }

    /// What stands before the first line of a log.
    pub(crate) fn of_log(session: SessionId) -> Self {
        Self::of_text(&format!("maniple bundle log, schema {SCHEMA}, session {session}"))
    }

    /// The head after one more body.
    pub(crate) fn followed_by(&self, body: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(body);
        Self(*hasher.finalize().as_bytes())
    }

    /// The 64 digits that stand in a frame.
    pub(crate) fn digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        digits.copy_from_slice(blake3::Hash::from_bytes(self.0).to_hex().as_bytes());
        digits
    }

    fn of_text(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
