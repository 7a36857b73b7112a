use super::content::Share;
use super::{Draft, Loss, PartId, Reducer};
use crate::error::ContextError;
use crate::json::reduce_json;
use crate::segment::Kind;

/// Samples the long arrays of JSON, so that it shrinks as much as everything that may.
///
/// A sample keeps what stands out: every element that speaks of an error, the first and the last,
/// those with the least and greatest numbers and with rare values. See
/// [`reduce_json`](crate::json::reduce_json).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonSamples;

impl Reducer for JsonSamples {
    fn name(&self) -> &'static str {
        "json-samples"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let parts = draft
            .parts()
            .filter(|part| !part.is_kept() && !part.has_gaps() && part.content() == Kind::Json);
        let share = Share::of(draft);
        let rooms: Vec<(PartId, usize)> =
            parts.map(|part| (part.id(), share.room_for(part.tokens()))).collect();
        for (part, room) in rooms {
            let segment = draft.segment(part);
            if let Some(text) = reduce_json(segment.text(), &|text| draft.count(text), room) {
                draft.rewrite(part, text)?;
            }
        }
        Ok(())
    }
}
