//! What a context costs, before and after.

mod price;
mod savings;
mod table;

pub use price::{Price, Sent};
pub use savings::Savings;
pub use table::{PriceTable, UnknownModel};
