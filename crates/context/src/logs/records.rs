//! Which lines belong together.

use super::scan::Scan;
use crate::hash::mix;
use crate::text::floor_char_boundary;

/// What starts a line of a stack trace or of a report that belongs to the line before.
const CONTINUATIONS: &[&str] = &[
    "#0 ",
    "#1 ",
    "--- End of",
    "... ",
    "Caused by",
    "During handling of",
    "File \"",
    "Stack trace",
    "Suppressed:",
    "The above exception",
    "Traceback (",
    "[stack",
    "at ",
    "created by ",
    "from /",
    "goroutine ",
    "note: run with",
    "stack backtrace",
    "stacktrace",
];
/// How an exception's name ends where it opens a line, as Python and Java print it.
const EXCEPTIONS: &[&str] = &["Error", "Exception", "Interrupt", "Exit", "Throwable", "Warning"];
/// A record is cut after so many lines, so that a text that is no log takes bounded memory.
const MOST_LINES: usize = 256;
/// Lines, and bytes of each, that are looked at to see whether lines begin with their time.
const SAMPLE: usize = 256;

/// A line and those that belong to it.
#[derive(Debug)]
pub(super) struct Record<'t> {
    /// Its text, without the last line end.
    pub(super) text: &'t str,
    /// The bytes of the text at which it begins.
    pub(super) start: usize,
    /// The number of its first line, from 1.
    pub(super) line: usize,
    pub(super) lines: usize,
    pub(super) shape: u64,
}

/// Calls `visit` with each record of `text`, and what was found in its first line.
pub(super) fn each_record<'t>(text: &'t str, mut visit: impl FnMut(Record<'t>, &Scan)) {
    let stamped = is_stamped(text);
    let (mut head, mut next) = (Scan::default(), Scan::default());
    let mut record: Option<Record<'t>> = None;
    let mut start = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let at = start;
        start += whole.len();
        let line = whole.trim_end();
        if line.is_empty() {
            continue;
        }
        next.line(line);
        let belongs = is_continuation(line) || stamped && !next.is_stamped;
        if let Some(record) = record.as_mut()
            && belongs
            && record.lines < MOST_LINES
        {
            record.text = &text[record.start..at + line.len()];
            record.lines += 1;
            record.shape = mix(record.shape, next.shape);
            continue;
        }
        if let Some(record) = record.take() {
            visit(record, &head);
        }
        std::mem::swap(&mut head, &mut next);
        let shape = head.shape;
        record = Some(Record { text: line, start: at, line: number + 1, lines: 1, shape });
    }
    if let Some(record) = record {
        visit(record, &head);
    }
}

/// Whether nearly every line that opens a record has its time at its start, so that one without
/// belongs to the line before.
fn is_stamped(text: &str) -> bool {
    let mut scan = Scan::default();
    let (mut lines, mut stamped) = (0, 0);
    let heads = text.lines().filter(|line| !line.trim_end().is_empty() && !is_continuation(line));
    for line in heads.take(SAMPLE) {
        scan.line(&line[..floor_char_boundary(line, SAMPLE)]);
        lines += 1;
        stamped += usize::from(scan.is_stamped);
    }
    stamped * 4 >= lines * 3
}

fn is_continuation(line: &str) -> bool {
    let bytes = line.as_bytes();
    match bytes.first() {
        Some(b' ' | b'\t' | b'}' | b')' | b']') => true,
        Some(b'#' | b'-' | b'.' | b'[' | b'A'..=b'Z' | b'a'..=b'z') => {
            CONTINUATIONS.iter().any(|start| line.starts_with(start)) || names_exception(bytes)
        }
        _ => false,
    }
}

/// Whether the line is `package.SomeException`, alone or before a colon.
fn names_exception(line: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let end = line.iter().take(128).take_while(is_name).count();
    matches!(line.get(end), None | Some(b':'))
        && EXCEPTIONS.iter().any(|name| line[..end].ends_with(name.as_bytes()) && end > name.len())
}
