//! The program `deploy_saga`: what a target shows, and how a release ends, whatever happens to it.
//!
//! `MANIPLE_KILLS=200` kills 200 times instead of 20.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;
#[path = "deploy_saga/world.rs"]
mod world;

#[path = "deploy_saga/ends.rs"]
mod ends;
#[path = "deploy_saga/input.rs"]
mod input;
#[path = "deploy_saga/kills.rs"]
mod kills;
