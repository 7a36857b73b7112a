//! The claims of the crate, tested from outside.
#![expect(clippy::unwrap_used, reason = "what the tests share may fail the test that uses it")]

mod child;
mod concurrent;
mod contend;
mod contract;
mod damage;
mod failure;
mod golden;
mod journal;
mod kill;
mod lifecycle;
mod model;
mod seam;
mod support;
