//! What the standard library does not yet have at our minimum version.

/// The last character boundary of `text` at or before `at`.
pub(crate) fn floor_char_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    // A character is at most four bytes, and 0 is a boundary.
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
