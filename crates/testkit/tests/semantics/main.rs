//! Every cell of `SEMANTICS.md`, and a broken variant of every rule.
//!
//! `step`, `branch`, `withheld`, `signal`, `cancel`, `deadline`, `budget`, `panic` and `retry` are the
//! rows; their six tests are the columns. `rules` holds the rules' broken variants, `nested` generated programs of
//! patterns in patterns; the others hold the rules and what follows from them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod account;
mod again;
mod branch;
mod budget;
mod cancel;
mod clock;
mod common;
mod deadline;
mod names;
mod nested;
mod outside;
mod panic;
mod place;
mod policy;
mod retry;
mod rules;
mod saga;
mod settled;
mod signal;
mod step;
mod stopped;
mod tool;
mod withheld;
