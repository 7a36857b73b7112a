use super::hex;
pub use super::hex::ChainHead;
use crate::session::SessionId;

impl ChainHead {
    /// What stands before the first line of a log.
    pub(crate) fn of_log(schema: u32, session: SessionId) -> Self {
        Self::of_text(&format!("maniple bundle log, schema {schema}, session {session}"))
    }

    /// What stands before the first line that a fork has for itself, where it forked at this head.
    pub(crate) fn forked_by(&self, fork: SessionId) -> Self {
        self.followed_by(format!("maniple bundle fork, session {fork}").as_bytes())
    }

    /// What stands before the one frame of a document, or before a mark.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// The head after one more body.
    pub(crate) fn followed_by(&self, body: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(body);
        Self(*hasher.finalize().as_bytes())
    }

    /// The 64 digits that stand in a frame.
    pub(crate) fn digits(&self) -> [u8; 64] {
        hex::write(self.0)
    }

    /// The head of those digits.
    pub(crate) fn from_digits(digits: &[u8]) -> Option<Self> {
        hex::read(digits).map(Self)
    }
}
