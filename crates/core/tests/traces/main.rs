//! What is told through `tracing`. These tests run in a process of their own and one after the other:
//! a place in the code that is traced for the first time while another thread puts up its subscriber
//! may stay silent.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;

mod runs;
#[cfg(feature = "tools")]
mod tools;

/// Held by the test that runs.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
