//! Which session it is: its identity and what the host says about it.

mod card;
mod header;
mod id;
mod meta;
mod namespace;
mod point;

pub(crate) use card::Card;
pub use header::Forked;
pub(crate) use header::{Fork, Header};
pub use id::{InvalidSessionId, SessionId};
pub use meta::Meta;
pub use namespace::{InvalidNamespace, Namespace};
pub use point::Point;
