use std::io::BufRead;

use super::{Extent, Flaw, Line, Scan};
use crate::error::BundleError;
use crate::format::has_frame_start;

/// What remounting erased: the tail of a log whose last write a crash tore.
///
/// Nothing in it was acknowledged, unless the end of an intact log was damaged later: where the log
/// was not closed, the two look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The first line erased, counted from 1.
    pub line: u64,
    /// Where it began, in bytes from the start of the log.
    pub offset: u64,
    /// How many bytes were erased.
    pub erased_bytes: u64,
}

/// Reads a log that may end in a torn write, and says what of it is to be kept.
///
/// The first line that is incomplete, malformed or off the chain begins a torn tail if no complete
/// line in or after it shows the beginning of a frame of its own. If one does, something was
/// written behind the bad line, so the bad line was once whole: that is damage. Intact lines that
/// cannot be understood are errors wherever they stand.
pub(crate) fn recover<R: BufRead>(
    mut scan: Scan<R>,
) -> Result<(Extent, Option<Recovery>), BundleError> {
    let found = loop {
        match scan.next_entry() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok((scan.extent(), None)),
            Err(Flaw::Broken(found)) => break found,
            Err(Flaw::Fatal(error)) => return Err(error),
        }
    };
    let damaged = scan.damaged(found);
    let (line, offset) = (scan.lines().number(), scan.lines().offset());
    // A lost line end glues the next line to the bad one, so the bad one is searched too, behind
    // its own beginning.
    let behind = scan.lines().bytes().get(1..).unwrap_or_default();
    if scan.lines().is_complete() && has_frame_start(behind) {
        return Err(damaged);
    }
    while scan.advance()? == Line::Complete {
        if has_frame_start(scan.lines().bytes()) {
            return Err(damaged);
        }
    }
    let erased_bytes = scan.lines().end() - offset;
    Ok((scan.extent(), Some(Recovery { line, offset, erased_bytes })))
}
