//! What the benches share; see the `[[bench]]` entries of the manifest.

pub mod context;
pub mod fan_out;
pub mod table;
