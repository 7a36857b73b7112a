//! Findings that are kept for recall, and the note that says so.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::finding::one_line;
use super::{AccumulatorError, Finding};
use crate::recall::excerpt::line_count;
use crate::recall::{Handle, Left, Marker, RecallStore};
use crate::segment::{Kind, Segment};

/// How many findings the note lists.
const LISTED: usize = 24;
/// How much of a heading it shows, in characters.
const SHOWN: usize = 100;

/// Keeps the texts of findings, one after the other, and makes the note that refers to them.
///
/// The note is pinned: it is short, and without it a model could not know that they are there.
pub(super) fn refer(
    findings: &[(&Finding, Arc<str>)],
    store: &dyn RecallStore,
) -> Result<(Handle, Segment), AccumulatorError> {
    let text: Arc<str> = findings.iter().map(|(_, text)| &**text).collect::<String>().into();
    let handle = Handle::of(&text);
    store.put(&handle, &text).map_err(|source| AccumulatorError::Recall { source })?;

    let lines = NonZeroUsize::new(line_count(&text)).unwrap_or(NonZeroUsize::MIN);
    let marker = Marker::new(lines, Left::Lines, handle.short());
    // Beside other words the marker is no line of its own, which a reduction could take for one of
    // its markers.
    let mut note =
        format!("Findings of earlier phases are kept for recall, {} bytes: {marker}\n", text.len());
    let mut first = 1;
    for (finding, text) in &findings[..findings.len().min(LISTED)] {
        let last = first + line_count(text) - 1;
        let _ = writeln!(note, "- lines {first}-{last}: {}", listed(finding));
        first = last + 1;
    }
    if let Some(more) = findings.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(note, "- lines {first}-{lines}: {more} more");
    }
    Ok((handle, Segment::new(format!("findings-{handle}"), Kind::Note, note).pinned()))
}

/// Its heading, and where that is no more than the topic, how the text begins.
fn listed(finding: &Finding) -> String {
    let mut heading = finding.heading();
    let mut lines = finding.text().lines().filter(|line| !line.trim().is_empty());
    if let (None, Some(begins)) = (finding.title(), lines.next()) {
        heading.push_str(": ");
        heading.push_str(&one_line(begins));
    }
    match heading.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", heading[..end].trim_end()),
        None => heading,
    }
}
