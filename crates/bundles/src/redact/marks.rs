use std::ops::Range;

use memchr::memmem;

const OPEN: &str = "[redacted:";
pub(super) const MAX_NAME_BYTES: usize = 64;

/// What stands in the place of a secret.
pub(super) fn mark(name: &str) -> String {
    format!("{OPEN}{name}]")
}

/// Whether this can be the name of a pattern.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_part)
}

pub(super) fn is_mark(text: &str) -> bool {
    let name = text.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(']'));
    name.is_some_and(is_name)
}

/// The places of all marks, in order.
pub(super) fn find_marks(text: &str) -> Vec<Range<usize>> {
    memmem::find_iter(text.as_bytes(), OPEN)
        .filter_map(|start| {
            let name = start + OPEN.len();
            let end = name + text[name..].find(']')? + 1;
            is_mark(&text[start..end]).then_some(start..end)
        })
        .collect()
}

/// What has to be replaced so that a secret is gone and every mark is whole or gone; `None` if the
/// secret lies in a mark, or is empty.
pub(super) fn around_marks(secret: Range<usize>, marks: &[Range<usize>]) -> Option<Range<usize>> {
    let first = marks.partition_point(|mark| mark.end <= secret.start);
    let last = marks.partition_point(|mark| mark.start < secret.end);
    let touched = marks.get(first..last).unwrap_or_default();
    let (start, end) = match touched {
        [] => (secret.start, secret.end),
        [mark] if mark.start <= secret.start && secret.end <= mark.end => return None,
        [first, .., last] => (secret.start.min(first.start), secret.end.max(last.end)),
        [mark] => (secret.start.min(mark.start), secret.end.max(mark.end)),
    };
    (start < end).then_some(start..end)
}
