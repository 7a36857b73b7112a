//! What phases find reaches the phases that follow, as much of it as they need.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod filter;
mod findings;
mod journal;
mod laws;
mod reference;
mod stored;
mod tiers;
