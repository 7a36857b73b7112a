//! Format version 0: what the bytes of a session mean.
//!
//! Both files consist of *frames*, one a line: `{"h":"<64 lowercase hex digits>","b":{…}}`, where h
//! is BLAKE3 of the 32 bytes of the previous h followed by the bytes of b exactly as they stand. No
//! other spelling of the frame is read, so that there is no byte whose change goes unseen.
//!
//! - `bundle.json` is one frame: `{"schema":0,"id":"…","created":<ms>,"meta":{…}}`. What stands in
//!   for its previous h is the digest of a fixed text.
//! - `log.jsonl` has one frame for each action: `{"seq":N,"time":<ms>,"schema":0,"action":…}`. What
//!   stands in for the first previous h is the digest of a text that names schema and session, so
//!   that no line can be moved to another session.
//!
//! A later schema keeps the frame and the member `schema`, so that this version can name what it
//! refuses.

mod body;
mod chain;
mod frame;
#[cfg(test)]
mod tests;

pub(crate) use body::{Unreadable, encode_action, read_body, write_body};
pub use chain::ChainHead;
pub(crate) use frame::{Frame, has_frame_start, write_frame};

/// The schema that this version writes, and the newest that it reads.
pub const SCHEMA: u32 = 0;

/// The longest action, in bytes of JSON.
pub const MAX_ACTION_BYTES: usize = 64 * 1024 * 1024;

/// The longest line, with its end: an action and what is written around it.
pub(crate) const MAX_LINE_BYTES: usize = MAX_ACTION_BYTES + AROUND_BYTES;

/// More than is ever written around an action.
const AROUND_BYTES: usize = 256;
