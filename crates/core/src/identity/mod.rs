//! How runs, contexts and steps are named, the same in every attempt and every process.

mod canonical;
mod digest;
mod key;
mod name;
mod run_id;

pub use digest::{Digest, IdempotencyKey};
pub use key::Key;
pub(crate) use key::Sigil;
pub use name::Name;
pub use run_id::RunId;
