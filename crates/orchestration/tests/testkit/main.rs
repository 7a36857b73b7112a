//! The checks for hosts find out what is wrong, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod combiner;
mod idempotent;
mod saga;
