//! The laws of [`maniple_context::LiveContext`], over generated transcripts.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod failing;
mod laws;
mod misuse;
mod replayed;
mod restored;
mod transcripts;
mod unseen;
