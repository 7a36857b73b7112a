use super::content::open_parts;
use super::{Draft, Loss, Reducer};
use crate::error::ContextError;
use crate::json::compact;
use crate::segment::Kind;

/// Writes JSON without white space, and arrays of like objects as tables, where that takes fewer
/// tokens.
///
/// It loses nothing: [`json::expand`](crate::json::expand) turns it back, but for the white space
/// between values. The format is described at [`json`](crate::json).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonTables;

impl Reducer for JsonTables {
    fn name(&self) -> &'static str {
        "json-tables"
    }

    fn loss(&self) -> Loss {
        Loss::Lossless
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        for part in open_parts(draft, Kind::Json) {
            if let Some(text) = compact(draft.part(part).text()) {
                draft.rewrite(part, text)?;
            }
        }
        Ok(())
    }
}
