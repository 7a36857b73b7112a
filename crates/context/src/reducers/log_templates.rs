use super::content::{open_parts, share};
use super::{Draft, Loss, PartId, Reducer};
use crate::error::ContextError;
use crate::logs::LogFold;
use crate::segment::Kind;

/// Folds logs to a line for each kind of record, with how often it occurs, from when to when, and
/// what its values vary over. Every distinct warning, error and stack trace stays in full once.
///
/// Where the budget is still exceeded, logs shrink as much as everything that may, and what is
/// frequent and no alarm goes first. The format is described at [`logs`](crate::logs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogTemplates;

impl Reducer for LogTemplates {
    fn name(&self) -> &'static str {
        "log-templates"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let mut folded: Vec<(PartId, LogFold<'_>)> = Vec::new();
        for part in open_parts(draft, Kind::Log) {
            let segment = draft.segment(part);
            let fold = LogFold::new(segment.text());
            let most = draft.part(part).tokens().saturating_sub(1);
            if let Some(text) = fold.render(&|text| draft.count(text), most)
                && draft.rewrite(part, text)?
            {
                folded.push((part, fold));
            }
        }
        if draft.tokens() <= draft.room() {
            return Ok(());
        }
        let rooms: Vec<usize> =
            folded.iter().map(|(part, _)| share(draft, draft.part(*part).tokens())).collect();
        for ((part, fold), room) in folded.into_iter().zip(rooms) {
            if let Some(text) = fold.render(&|text| draft.count(text), room) {
                draft.rewrite(part, text)?;
            }
        }
        Ok(())
    }
}
