//! Where the strings of a JSON text are and what they say, without reading anything else of it.

use std::borrow::Cow;

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

/// What the content of a string reads without its escapes; `None` if one of them is none.
///
/// Half of a surrogate pair, which JSON allows and text does not, becomes U+FFFD.
pub(crate) fn unescape(content: &str) -> Option<Cow<'_, str>> {
    let Some(mut at) = memchr(b'\\', content.as_bytes()) else {
        return Some(Cow::Borrowed(content));
    };
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    loop {
        text.push_str(&rest[..at]);
        let mut escaped = rest[at + 1..].chars();
        let (c, after) = match escaped.next()? {
            'u' => unescape_unit(escaped.as_str())?,
            'n' => ('\n', escaped.as_str()),
            't' => ('\t', escaped.as_str()),
            'r' => ('\r', escaped.as_str()),
            'b' => ('\u{8}', escaped.as_str()),
            'f' => ('\u{c}', escaped.as_str()),
            c @ ('"' | '\\' | '/') => (c, escaped.as_str()),
            _ => return None,
        };
        text.push(c);
        rest = after;
        match memchr(b'\\', rest.as_bytes()) {
            Some(next) => at = next,
            None => break,
        }
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The character that begins with these four digits, and what comes after it.
fn unescape_unit(digits: &str) -> Option<(char, &str)> {
    let unit = |digits: &str| {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let (first, rest) = digits.split_at_checked(4)?;
    let first = unit(first)?;
    let second = rest.strip_prefix("\\u").and_then(|rest| rest.split_at_checked(4));
    let pair = second.and_then(|(second, rest)| {
        let pair = char::decode_utf16([first, unit(second)?]).next()?.ok()?;
        (pair.len_utf16() == 2).then_some((pair, rest))
    });
    let alone = || (char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    Some(pair.unwrap_or_else(alone))
}
