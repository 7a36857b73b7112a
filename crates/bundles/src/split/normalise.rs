use memchr::{memchr3, memmem};

/// A key of the name `h` and the beginning of its string, without a space.
const MARK: &[u8] = br#""h":""#;
const COLON: usize = 3;

/// Writes a JSON text such that it has no line end and no frame of the log seems to begin in it.
///
/// - Line ends, carriage returns and tabs become spaces. In a string they are escaped, so these
///   stand between tokens, where a space means the same.
/// - `"h":"` gets a space after the colon. These bytes stand only where a key `h`, or one that ends
///   in an escaped quote and an `h`, is followed by a string: its second and third quote have no
///   backslash before them, so both are the bounds of strings, and what is between them is either a
///   string `":"` or outside of strings. The former would begin behind a bare `h`, which no token
///   ends in. So the space is between tokens. Without these bytes, `{"h":"`, with which a frame
///   begins, stands neither in this text nor in one that members were taken out of.
pub(crate) fn normalise(mut json: Vec<u8>) -> Vec<u8> {
    let mut from = 0;
    while let Some(at) = memchr3(b'\n', b'\r', b'\t', &json[from..]) {
        json[from + at] = b' ';
        from += at + 1;
    }
    if memmem::find(&json, MARK).is_none() {
        return json;
    }
    let mut spaced = Vec::with_capacity(json.len() + json.len() / 8);
    let mut rest = 0;
    for at in memmem::find_iter(&json, MARK) {
        spaced.extend_from_slice(&json[rest..=at + COLON]);
        spaced.push(b' ');
        rest = at + COLON + 1;
    }
    spaced.extend_from_slice(&json[rest..]);
    spaced
}
