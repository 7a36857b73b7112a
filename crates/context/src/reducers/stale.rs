use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::{Cause, Draft, Loss, Reducer, Unit, UnitId};
use crate::error::ContextError;
use crate::segment::{Kind, LineRange, Segment, Source};

/// Drops a reading of a source that was read again later.
///
/// A later segment of the same [source](crate::Source) and kind says at least the same range of it, and
/// half of the lines: two documents of one title are not one document. What it said before may have
/// changed since, so this is no lossless reducer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SupersededReads;

impl Reducer for SupersededReads {
    fn name(&self) -> &'static str {
        "superseded-reads"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let mut latest: HashMap<(&str, Kind), Reading<'_>> = HashMap::new();
        let mut superseded = Vec::new();
        let units: Vec<Unit<'_>> = draft.units().collect();
        for unit in units.into_iter().rev() {
            let mut segments = unit.segments();
            let (Some(segment), None) = (segments.next(), segments.next()) else { continue };
            let source = segment.source().filter(|_| !segment.kind().is_turn());
            let Some(source) = source else { continue };
            let read = (source.name(), segment.kind());
            match latest.get(&read) {
                Some(later) if later.supersedes(segment) => {
                    if !unit.is_kept() {
                        superseded.push((unit.id(), later.unit));
                    }
                }
                _ => {
                    let reading = Reading { unit: unit.id(), segment, lines: OnceCell::new() };
                    latest.insert(read, reading);
                }
            }
        }
        superseded
            .into_iter()
            .try_for_each(|(unit, later)| draft.discard(unit, Cause::SupersededBy(later)))
    }
}

/// The latest reading of a source.
struct Reading<'s> {
    unit: UnitId,
    segment: &'s Segment,
    /// Its lines, once they are asked for.
    lines: OnceCell<HashSet<&'s str>>,
}

impl Reading<'_> {
    /// Whether it says what an older one said, as far as that still holds.
    fn supersedes(&self, older: &Segment) -> bool {
        let range = |segment: &Segment| segment.source().and_then(Source::lines);
        if !covers(range(self.segment), range(older)) {
            return false;
        }
        let said = self.lines.get_or_init(|| self.segment.text().lines().collect());
        let lines = older.text().lines().count();
        let still = older.text().lines().filter(|line| said.contains(line)).count();
        2 * still >= lines
    }
}

/// Whether some lines of a source are all of others; none are the whole of it.
fn covers(lines: Option<LineRange>, of: Option<LineRange>) -> bool {
    match (lines, of) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(lines), Some(of)) => lines.first() <= of.first() && of.last() <= lines.last(),
    }
}

/// Masks the result of a tool call that was made again later: the call stays, and what it returned
/// then goes.
///
/// The same call has the same text, tool and arguments. What it returns now is what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaleResults;

impl Reducer for StaleResults {
    fn name(&self) -> &'static str {
        "stale-results"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let mut made: HashMap<&str, usize> = HashMap::new();
        let mut stale = Vec::new();
        let units: Vec<Unit<'_>> = draft.units().collect();
        for unit in units.into_iter().rev() {
            let calls = unit.segments().find(|segment| segment.kind() == Kind::ToolCall);
            let answered = unit.segments().any(|segment| segment.kind() == Kind::ToolResult);
            // What a pending call will return is not known yet.
            let Some(call) = calls.filter(|_| answered) else { continue };
            let later = made.entry(call.text()).or_default();
            *later += 1;
            if *later > 1 && !unit.is_kept() {
                let results = unit.parts().filter(|p| p.segment().kind() == Kind::ToolResult);
                stale.extend(results.map(|part| part.id()));
            }
        }
        for part in stale {
            draft.cut(part, |_| true)?;
        }
        Ok(())
    }
}
