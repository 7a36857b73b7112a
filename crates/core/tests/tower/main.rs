//! Agents as services of tower and services as agents: readiness, backpressure and cancellation are
//! kept both ways.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;

mod agent;
mod layers;
mod mock;
mod service;
