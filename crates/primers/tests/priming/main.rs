//! Priming from templates: what is rendered, what is refused, and that values are never evaluated.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod errors;
mod research;
mod values;
