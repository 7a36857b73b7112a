//! A crash test finds what does not survive its crashes, makes it small, and says what it left out.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod agents;
mod caught;
#[cfg(feature = "proptest")]
mod generated;
mod passed;
