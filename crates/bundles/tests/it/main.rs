//! The crate as its users see it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[cfg(feature = "testkit")]
mod broken;
#[cfg(feature = "testkit")]
mod contract;
mod file_store;
mod smoke;
#[cfg(feature = "sqlite")]
mod sqlite;
