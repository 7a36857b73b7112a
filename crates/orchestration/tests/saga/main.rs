//! What a saga does: in which order, what is taken back, and where it waits for an operator.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod basics;
mod budget;
mod build;
mod check;
mod crash;
mod host;
mod late;
mod laws;
mod nested;
mod operator;
mod picture;
mod program;
mod stopped;
mod store;
mod withheld;
mod world;
