//! Arguments of a call: JSON whose long strings can lose lines and stay JSON with the same keys.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::recall::Marker;

/// Calls `visit` with the end of each part of a call, in order, and whether the part may go.
///
/// A call is its arguments, which are JSON, with or without a name and a space before. Cut are the
/// string values of keys that hold an escaped line feed: behind each of those, and next to the
/// quotes, which stay with what is around them; and next to the quotes of a marker that is all that
/// is left of a value. What is no JSON is one part.
pub(crate) fn each_part(json: &str, mut visit: impl FnMut(usize, bool)) {
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let arguments = json.split_once(' ').map(|(_, arguments)| arguments);
    let has_parts = json.contains(r"\n") || json.contains(Marker::OPENING);
    if !has_parts || !arguments.is_some_and(is_json) && !is_json(json) {
        visit(json.len(), false);
        return;
    }
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut is_value = false;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let close = string_end(bytes, at + 1);
                if is_value && close < bytes.len() {
                    if Marker::parse(&json[at + 1..close]).is_some() {
                        visit(at + 1, false);
                        visit(close, true);
                    }
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
    fn text_that_is_no_json_is_one_part() {
        for json in ["", "\"", r#":"a\"#, r#":"a\n"#, r#"x:"\n""#, "\\", r#"{"a": "\"#] {
            assert_eq!(parts(json), [(json, false)]);
        }
        let cut_off = r#"write {"path": "a", "text": "one\ntwo\nthree\n"#;
        assert_eq!(parts(cut_off), [(cut_off, false)]);
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
