//! The crate as its users see it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[cfg(feature = "testkit")]
mod broken;
mod bytes;
mod child;
mod compact;
mod concurrent;
mod contend;
#[cfg(feature = "testkit")]
mod contract;
mod damage;
mod export;
mod failure;
mod file_store;
mod flips;
mod fuzz;
mod golden;
mod kill;
mod matrix;
mod merge;
mod model;
mod obstruction;
mod place;
mod plain;
mod redaction;
mod runs;
mod seam;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;
mod view;
mod watched;
mod world;
