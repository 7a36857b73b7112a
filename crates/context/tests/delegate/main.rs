//! What a plan to delegate keeps, and what an agent makes of it.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod answers;
mod contexts;
mod durable;
mod edges;
mod failures;
mod plans;
mod routes;
mod topics;
