//! Programs that a person would really run; see the `[[example]]` entries of the manifest.
