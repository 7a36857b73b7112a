//! Hashes that are the same on every machine.

/// The 64 bits of XXH3 without a seed.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
