//! Which session it is: its identity and what the host says about it.

mod header;
mod id;
mod meta;

pub(crate) use header::Header;
pub use id::{InvalidSessionId, SessionId};
pub use meta::Meta;
