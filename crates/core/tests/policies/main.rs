//! The laws of the policies, under paused time.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;

mod breaker;
mod concurrency;
mod fallback;
mod loop_guard;
mod nested;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod retry;
mod timeout;
mod what;
