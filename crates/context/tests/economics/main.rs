//! Prices, and what reducing saves, against sums made token by token.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod price;
mod report;
mod savings;
mod table;
