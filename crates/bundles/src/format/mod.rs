//! What the bytes of a session mean, in every store.
//!
//! A log consists of *frames*, one a line: `{"h":"<64 lowercase hex digits>","b":{…}}`, where h is
//! BLAKE3 of the 32 bytes of the previous h followed by the bytes of b exactly as they stand. No
//! other spelling of the frame is read, so that there is no byte whose change goes unseen. The bytes
//! `{"h":"` stand nowhere else in a log, so that a frame is found behind damage too.
//!
//! # Schema 1
//! - *An action*: `{"seq":N,"time":<ms>,"schema":1,"synced":M,"parts":[[<at>,"<hash>"],…],"action":…}`.
//!   `synced` says how many actions were known to be durable when it was written: damage to one of
//!   those is no torn write. `parts`, if there are any, are pieces of the action's text that lie in
//!   blobs: each is put back in before the byte `at` of the text that stands here.
//! - *A gap*: `{"seq":N,"gap":{"first":F,"head":"<h>","state":…}}` stands for the actions F to N, which
//!   were dropped; the next frame continues the h that it names.
//! - What stands in for the first previous h is the digest of a text that names schema and session,
//!   so that no line can be moved to another session. A fork goes on with the digest of the h that it
//!   forked at and of its own id.
//! - *A document* (the header, the card, the snapshot) is one frame, whose previous h is the digest
//!   of a text that names its kind.
//!
//! # Schema 0
//! As schema 1, without `synced`, parts, gaps and forks.
//!
//! A later schema keeps the frame and the members `seq` and `schema`, so that this version can name
//! what it refuses.

mod body;
mod chain;
mod document;
mod frame;
mod hex;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testkit"))]
pub(crate) use body::encode_action;
pub(crate) use body::{
    Encoded, Gap, Record, Unread, Unreadable, Weight, encode_json, has_known_action, read_record,
    to_json, write_body, write_gap,
};
pub use chain::ChainHead;
pub(crate) use document::{read_any_schema, read_document, write_document};
pub(crate) use frame::{Claims, Frame, OPEN, evidence, write_frame};
pub use hex::{BlobId, InvalidHash};

/// The schema that this version writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// The longest action, in bytes of JSON.
pub const MAX_ACTION_BYTES: usize = 64 * 1024 * 1024;
