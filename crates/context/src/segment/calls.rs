//! The lines of the texts in the arguments of a tool call.

/// The lines of a call's text, as ends of pieces.
pub(super) struct Lines {
    pub(super) ends: Vec<usize>,
    /// Whether a piece holds anything but the inside of one line of a text.
    pub(super) fixed: Vec<bool>,
}

/// Cuts a call after each escaped line feed inside a JSON string, so that whole lines can go and
/// what is left is JSON with the same keys. A text that is no JSON has no such place, and is fixed.
pub(super) fn lines(text: &str) -> Lines {
    let mut lines = Lines { ends: Vec::new(), fixed: Vec::new() };
    let arguments = text.find('{').unwrap_or(text.len());
    let bytes = text.as_bytes();
    let mut in_string = false;
    // The first line of a string stands beside its quote.
    let mut is_fixed = true;
    let mut at = arguments;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                in_string = !in_string;
                is_fixed = true;
            }
            b'\\' if in_string => {
                at += 1;
                if bytes.get(at) == Some(&b'n') {
                    lines.ends.push(at + 1);
                    lines.fixed.push(is_fixed);
                    is_fixed = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if lines.ends.last() != Some(&text.len()) && !text.is_empty() {
        lines.ends.push(text.len());
        lines.fixed.push(true);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(&str, bool)> {
        let Lines { ends, fixed } = lines(text);
        let mut start = 0;
        let piece = |(end, fixed): (usize, bool)| {
            let piece = &text[start..end];
            start = end;
            (piece, fixed)
        };
        ends.into_iter().zip(fixed).map(piece).collect()
    }

    #[test]
    fn only_lines_that_hold_nothing_but_text_may_go() {
        let text = r#"edit {"old": "a\nb\\n c\nd", "new": "e\nf\n\"g\"\nh"}"#;
        let expected = [
            (r#"edit {"old": "a\n"#, true),
            (r"b\\n c\n", false),
            (r#"d", "new": "e\n"#, true),
            (r"f\n", false),
            (r#"\"g\"\n"#, false),
            (r#"h"}"#, true),
        ];
        assert_eq!(pieces(text), expected);
    }

    #[test]
    fn what_is_no_json_is_fixed() {
        assert_eq!(pieces("ls -l\nx"), [("ls -l\nx", true)]);
        assert_eq!(pieces(r#"f {"a": "\"#), [(r#"f {"a": "\"#, true)]);
        assert!(pieces("").is_empty());
    }
}
