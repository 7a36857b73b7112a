//! The crate as its users see it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[cfg(feature = "testkit")]
mod broken;
mod compact;
mod concurrent;
#[cfg(feature = "testkit")]
mod contract;
mod export;
mod file_store;
mod merge;
mod redaction;
mod runs;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;
mod view;
mod watched;
mod world;
