//! What of an action's JSON stays in its line, and what is stored apart, by its content.
//!
//! An agent journals much the same text again and again: a transcript that grew by a turn, a file
//! that was read twice. [`split`] takes the large parts out of a text such that equal content gives
//! equal parts, wherever it stands and however the text goes on after it. [`join`] puts them back.
//! Both work on spans of the text, so every number, escape and space is kept as it was written.

mod cuts;
mod normalise;
#[cfg(test)]
mod tests;

use cuts::find_cuts;
pub(crate) use normalise::normalise;

/// Anything shorter is not worth a place of its own.
pub(crate) const PART_BYTES: usize = 4096;

/// A JSON text without its large parts.
#[derive(Debug)]
pub(crate) struct Split {
    /// What stays: one line, and valid JSON in itself.
    pub(crate) text: Vec<u8>,
    /// What was taken out, in the order in which it stood.
    pub(crate) parts: Vec<Part>,
}

/// A piece of a JSON text, of [`PART_BYTES`] at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// It stood before this byte of the text that stays.
    pub(crate) at: usize,
    pub(crate) bytes: Vec<u8>,
}

/// [Normalises](normalise) a JSON text and takes its large parts out.
///
/// - The content of a string (not of a key) that is longer than [`PART_BYTES`] is a part; `""`
///   stays.
/// - The elements of an array, or members of an object, without parts of their own are taken from
///   the first on, until they make [`PART_BYTES`] with the comma after the last: then they are a
///   part, and the next one begins. An element with parts of its own stays, and what was taken
///   before it too. So does the last element, which has no comma: what stays is valid JSON, and an
///   array that has parts and grows at its end keeps them and gets more.
///
/// What a text stands for is not looked at. Text that is not JSON stays whole.
pub(crate) fn split(json: Vec<u8>) -> Split {
    let json = normalise(json);
    let cuts = find_cuts(&json);
    if cuts.is_empty() {
        return Split { text: json, parts: Vec::new() };
    }
    let taken: usize = cuts.iter().map(ExactSizeIterator::len).sum();
    let mut text = Vec::with_capacity(json.len() - taken);
    let mut parts = Vec::with_capacity(cuts.len());
    let mut rest = 0;
    for cut in cuts {
        text.extend_from_slice(&json[rest..cut.start]);
        rest = cut.end;
        parts.push(Part { at: text.len(), bytes: json[cut].to_vec() });
    }
    text.extend_from_slice(&json[rest..]);
    Split { text, parts }
}

/// Puts parts back into the text that stayed, each before the byte of it that its number names.
///
/// `None` if the numbers descend or lie beyond the text.
pub(crate) fn join(
    text: &[u8],
    parts: impl IntoIterator<Item = (usize, impl AsRef<[u8]>)>,
) -> Option<Vec<u8>> {
    let mut json = Vec::with_capacity(text.len());
    let mut rest = 0;
    for (at, part) in parts {
        json.extend_from_slice(text.get(rest..at)?);
        json.extend_from_slice(part.as_ref());
        rest = at;
    }
    json.extend_from_slice(&text[rest..]);
    Some(json)
}
