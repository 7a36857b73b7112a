//! A session whose log has any bytes, or those of a log with any changes.

#![no_main]
#![allow(dead_code, clippy::unwrap_used, reason = "one of two programs that share a module")]

#[path = "../../crates/bundles/tests/it/bytes.rs"]
mod bytes;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0x80.., rest)) => bytes::open_chunk(rest),
        _ => bytes::open_chunk(&bytes::nearly_a_chunk(input)),
    };
});
