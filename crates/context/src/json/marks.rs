//! The keys that mean something in compacted JSON, and how a document's own are told from them.

pub(super) const TABLE: &str = r#""$table""#;
pub(super) const LINES: &str = r#""$lines""#;
pub(super) const COLUMNS: &str = r#""$columns""#;
pub(super) const LEFT_OUT: &str = r#""$left_out""#;
pub(super) const ROWS: &str = r#""rows""#;

/// Deeper values are only stripped of white space. Only so many levels recurse.
pub(super) const DEEPEST: usize = 64;

/// Whether a key, with its quotes, is one of the marks with any number of `$`.
fn is_mark(key: &str) -> bool {
    let Some(name) = key.strip_prefix(r#""$"#) else { return false };
    matches!(
        name.trim_start_matches('$'),
        r#"table""# | r#"lines""# | r#"columns""# | r#"left_out""#
    )
}

/// Writes a key of a document so that it is no mark: with one more `$`.
pub(super) fn escape(out: &mut String, key: &str) {
    if is_mark(key) {
        out.push_str("\"$");
        out.push_str(&key[1..]);
    } else {
        out.push_str(key);
    }
}

/// Writes a key as it was before [`escape`].
pub(super) fn unescape(out: &mut String, key: &str) {
    let bare = key.strip_prefix(r#""$"#).filter(|name| name.starts_with('$') && is_mark(key));
    if let Some(name) = bare {
        out.push('"');
        out.push_str(name);
    } else {
        out.push_str(key);
    }
}

/// Writes valid JSON without white space between values, and its keys by `key`.
pub(super) fn minify(out: &mut String, json: &str, key: fn(&mut String, &str)) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'"' => {
                let end = string_end(bytes, at);
                let white = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
                let next = bytes[end..].iter().find(|byte| !white(byte));
                if next == Some(&b':') {
                    key(out, &json[at..end]);
                } else {
                    out.push_str(&json[at..end]);
                }
                at = end;
            }
            _ => {
                let plain = |byte: &&u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b'"');
                let end = at + bytes[at..].iter().take_while(plain).count();
                out.push_str(&json[at..end]);
                at = end;
            }
        }
    }
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    bytes.len()
}
