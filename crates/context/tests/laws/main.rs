//! The laws of [`maniple_context::ContextOptimizer`], over generated contexts.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod budget;
mod bytes;
mod contexts;
mod counting;
mod each;
mod kept;
mod misuse;
mod readers;
mod reducers;
mod regressions;
mod report;
mod sizes;
mod structure;
mod summary;
