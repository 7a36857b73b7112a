//! The program `durable_probe`: what it says, and what is left of it after SIGKILL.
//!
//! `MANIPLE_KILLS=200` kills 200 times for each pattern instead of 20.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod goes_on;
mod kills;
mod probe;
mod quorum;
mod saga;
