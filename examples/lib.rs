//! Programs that a person would really run; see the `[[example]]` entries of the manifest.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
