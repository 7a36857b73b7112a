//! Messages of `OpenAI` and Anthropic as segments, and back.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod agents;
mod bytes;
mod fuzz;
mod laws;
mod misuse;
mod reading;
mod reduction;
mod rules;
