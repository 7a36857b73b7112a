//! Benchmarks; see the `[[bench]]` entries of the manifest.
