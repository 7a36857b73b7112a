//! Any bytes as the messages of a provider.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a program that shares a module with tests")]

#[path = "../../crates/context/tests/messages/bytes.rs"]
mod bytes;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    bytes::read(input);
});
