//! Where the strings of a JSON text are, without reading anything else of it.

use memchr::memchr;

/// The place of the quote that ends the string whose content begins at `from`.
///
/// It is the first quote with an even number of backslashes before it. Each run of backslashes is
/// counted once, so this takes time linear in the length of the string.
pub(crate) fn string_end(json: &[u8], from: usize) -> Option<usize> {
    let mut search = from;
    loop {
        let quote = search + memchr(b'"', json.get(search..)?)?;
        let backslashes = json[from..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(quote);
        }
        search = quote + 1;
    }
}
