//! A log of any bytes, or of any of what logs are made of.

#![no_main]
#![allow(dead_code, clippy::unwrap_used, reason = "one of two programs that share a module")]

#[path = "../../crates/context/tests/laws/bytes.rs"]
mod bytes;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0x80.., rest)) => bytes::log(rest),
        _ => bytes::log(&bytes::nearly_a_log(input)),
    }
});
