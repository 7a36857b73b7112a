//! Arguments of a call: JSON whose long strings can lose lines and stay JSON with the same keys.

use std::borrow::Cow;

/// Calls `visit` with the end of each part of `json`, in order, and whether the part may go.
///
/// Cut are the string values of keys that hold an escaped line feed: behind each of those, and
/// next to the quotes, which stay with what is around them. Text that is no JSON is cut too, but
/// any of its parts that may go begins and ends inside what looks like a string.
pub(super) fn each_part(json: &str, mut visit: impl FnMut(usize, bool)) {
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut is_value = false;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let close = string_end(bytes, at + 1);
                if is_value && close < bytes.len() {
                    each_line(bytes, at + 1, close, &mut visit);
                }
                at = close;
                is_value = false;
            }
            b':' => is_value = true,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => is_value = false,
        }
        at += 1;
    }
    visit(bytes.len(), false);
}

/// The place of the closing quote, or the end.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

fn each_line(bytes: &[u8], open: usize, close: usize, visit: &mut impl FnMut(usize, bool)) {
    let mut at = open;
    let mut cut = open;
    while at < close {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        at += 2;
        if bytes[at - 1] == b'n' {
            if cut == open {
                visit(open, false);
            }
            cut = at;
            visit(cut, true);
        }
    }
    if cut > open && cut < close {
        visit(close, true);
    }
}

/// A part of a JSON string as the text that it stands for. What is no escape stays as it is.
pub(super) fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('\\') {
        return Cow::Borrowed(part);
    }
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (c, length) = match escape.as_bytes().get(1) {
            Some(b'n') => ('\n', 2),
            Some(b't') => ('\t', 2),
            Some(b'r') => ('\r', 2),
            Some(b'"') => ('"', 2),
            Some(b'/') => ('/', 2),
            Some(b'\\') => ('\\', 2),
            Some(b'u') => {
                match escape.get(2..6).and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
                    Some(code) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
                    None => ('\\', 1),
                }
            }
            _ => ('\\', 1),
        };
        text.push(c);
        rest = &escape[length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(json: &str) -> Vec<(&str, bool)> {
        let mut start = 0;
        let mut parts = Vec::new();
        each_part(json, |end, may_go| {
            parts.push((&json[start..end], may_go));
            start = end;
        });
        parts
    }

    #[test]
    fn values_of_several_lines_are_cut_at_their_line_ends_and_keys_are_not() {
        let json = r#"{"a\nb": "one\ntwo \"q\" \\name\n", "c": ["x\ny"], "d": "flat"}"#;
        let expected = [
            (r#"{"a\nb": ""#, false),
            (r"one\n", true),
            (r#"two \"q\" \\name\n"#, true),
            (r#"", "c": ["x\ny"], "d": "flat"}"#, false),
        ];
        assert_eq!(parts(json), expected);
        assert_eq!(decoded(r#"two \"q\" \\name \u0041\x"#), r#"two "q" \name A\x"#);
    }

    #[test]
    fn text_that_is_no_json_is_cut_within_bounds() {
        for json in ["", "\"", r#":"a\"#, r#":"a\n"#, r#"x:"\n""#, "\\", r#"{"a": "\"#] {
            assert_eq!(parts(json).iter().map(|(part, _)| *part).collect::<String>(), json);
        }
    }

    proptest! {
        #[test]
        fn arguments_stay_json_with_the_same_keys_whatever_lines_go(
            values in proptest::collection::btree_map(r"[a-z\n]{1,4}", r#"[a-c"\\\n/é𝄞 ]{0,12}"#, 0..4),
            going in proptest::collection::vec(any::<bool>(), 64),
        ) {
            let json = serde_json::to_string(&values).unwrap();
            let mut going = going.iter().cycle();
            let short: String = parts(&json)
                .into_iter()
                .filter(|(_, may_go)| !may_go || !going.next().unwrap())
                .map(|(part, _)| part)
                .collect();
            let read: std::collections::BTreeMap<String, String> =
                serde_json::from_str(&short).unwrap();
            prop_assert!(read.keys().eq(values.keys()));
            for (key, value) in &read {
                let lines: Vec<_> = values[key].split_inclusive('\n').collect();
                prop_assert!(value.split_inclusive('\n').all(|line| lines.contains(&line)));
            }
        }

        #[test]
        fn what_is_decoded_is_what_a_reader_of_json_reads(text in r#"[a-c"\\\n\t\r/éu0 ]{0,16}"#) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decoded(&json[1..json.len() - 1]), text);
        }

        #[test]
        fn the_parts_of_any_text_are_the_text(json in r#"[a"\\n:{}, é]{0,40}"#) {
            prop_assert_eq!(parts(&json).iter().map(|(part, _)| *part).collect::<String>(), json);
        }
    }
}
