use super::content::{Share, open_parts};
use super::{Draft, Loss, PartId, Reducer};
use crate::error::ContextError;
use crate::logs::LogFold;
use crate::relevance::{Passage, PassageList, Query, relevance, select_by_tokens};
use crate::segment::Kind;

/// Folds logs to a line for each kind of record, with how often it occurs, from when to when, and
/// what its values vary over. Every distinct warning, error and stack trace stays in full once.
///
/// Where the budget is still exceeded, logs shrink as much as everything that may, and what is
/// frequent and no alarm goes first. The format is described at [`logs`](crate::logs). For a query,
/// the lines that have most to do with it follow as they are, in what the fold leaves of the log's
/// share of the budget, which is 3 tenths of it at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogTemplates;

/// What stands before lines that a query has found.
const FOUND: &str = "[lines that have to do with the question]\n";

impl Reducer for LogTemplates {
    fn name(&self) -> &'static str {
        "log-templates"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let share = Share::of(draft);
        let mut folded: Vec<(PartId, LogFold<'_>)> = Vec::new();
        for part in open_parts(draft, Kind::Log) {
            let share = share.room_for(draft.part(part).tokens());
            let text = draft.segment(part).text();
            let fold = LogFold::new(text);
            let most = draft.part(part).tokens().saturating_sub(1);
            let count = |text: &str| draft.count(text);
            let found = draft.query().and_then(|query| {
                let short = fold.render(&count, share * 7 / 10)?;
                let room = share.saturating_sub(count(&short) + count(FOUND));
                Some(short + "\n" + FOUND + &found(text, query, &count, room)?)
            });
            let is_found = found.is_some();
            if let Some(text) = found.or_else(|| fold.render(&count, most))
                && draft.rewrite(part, text)?
                && !is_found
            {
                folded.push((part, fold));
            }
        }
        if draft.tokens() <= draft.room() {
            return Ok(());
        }
        let share = Share::of(draft);
        let rooms: Vec<usize> =
            folded.iter().map(|(part, _)| share.room_for(draft.part(*part).tokens())).collect();
        for ((part, fold), room) in folded.into_iter().zip(rooms) {
            if let Some(text) = fold.render(&|text| draft.count(text), room) {
                draft.rewrite(part, text)?;
            }
        }
        Ok(())
    }
}

/// The lines that have most to do with the query, in their order; none where none has.
fn found<'t>(
    text: &'t str,
    query: &Query,
    count: &dyn Fn(&str) -> usize,
    room: usize,
) -> Option<String> {
    let mut scanner = query.scanner();
    let lines: Vec<&str> = text
        .split_inclusive('\n')
        .filter(|line| scanner.count(line).counts().iter().any(|count| *count > 0))
        .collect();
    let passage =
        |index: usize| Passage { text: lines[index], segment: index, ..Passage::default() };
    let worth = relevance(PassageList::new(lines.len(), &passage), query)?;
    let tokens = lines.iter().map(|line| u32::try_from(count(line)).unwrap_or(u32::MAX));
    let chosen = select_by_tokens(&worth, tokens, &[], room as u64);
    let stays = lines.iter().zip(chosen).filter(|(_, stays)| *stays).map(|(line, _)| *line);
    Some(stays.collect::<String>()).filter(|text| !text.is_empty())
}
