//! The laws of the patterns, over generated inputs, delays and failures, in simulated time. Each test
//! runs in a [`lab`], which fails it when anything outlives the pattern, or when it hangs.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bounds;
mod budget;
mod deadline;
mod flow;
mod fork_join;
mod gather;
mod hosts;
mod item;
mod lab;
mod map_reduce;
mod nested;
mod odd;
mod order;
mod panics;
mod parts;
mod pipeline;
mod quorum;
mod report;
mod resume;
mod shape;
mod tree;
