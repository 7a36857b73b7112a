//! What a text shows of its structure by blank lines and indentation alone, in any language.

mod blocks;
pub(crate) mod line;
mod outline;
mod sentences;

pub use blocks::{Block, Blocks, blocks};
pub use outline::{OutlineLine, outline};
pub use sentences::sentences;
