//! Every cell of `SEMANTICS.md`, and a broken variant of every rule.
//!
//! One module is one row; its six tests are the columns. `rules` holds the rules' broken variants,
//! `nested` generated programs of patterns in patterns.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod branch;
mod budget;
mod cancel;
mod common;
mod deadline;
mod nested;
mod panic;
mod place;
mod retry;
mod rules;
mod signal;
mod step;
mod stopped;
