//! Scopes: what they stop, how long they give, and that nothing outlives them.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod alive;
#[path = "../common/mod.rs"]
mod common;
mod deadline;
mod dropped;
mod leaked;
mod panics;
mod shielded;
mod stop;
mod tree;
mod zombie;
