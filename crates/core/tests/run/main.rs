//! A run and what its agents are given: control, time, events, errors, permissions; and what of it
//! is written down.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;

mod agents;
mod digest;
mod errors;
mod events;
mod evidence;
mod json_lines;
mod pause;
mod records;
mod resume;
mod rights;
mod signals;
mod sinks;
mod stats;
mod stores;
