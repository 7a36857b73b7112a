mod choice;
mod passages;

use super::{Draft, Loss, Reducer};
use crate::error::ContextError;
use passages::Passages;

/// Fills the budget with what is worth the most, and drops the rest.
///
/// What must be kept comes first, then what has the higher priority. Turns of a conversation are
/// chosen whole unless they are long, other texts by their lines and sentences. What a passage is
/// worth for the query, or by itself, is said at [`worth`](crate::relevance::worth), and how it is
/// chosen at [`Greedy`](crate::select::Greedy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection;

impl Reducer for Selection {
    fn name(&self) -> &'static str {
        "selection"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let passages = Passages::of(draft);
        let worth = passages.worth(draft);
        let kept = draft.kept_tokens();
        let mut room = draft.room().saturating_sub(kept);
        loop {
            let choice = passages.choose(draft, &worth, room);
            // Pieces that do not count their sum may come to more than they do one by one.
            let excess = (kept + choice.tokens(draft)).saturating_sub(draft.room());
            if excess == 0 || room == 0 {
                return choice.apply(draft);
            }
            room = room.saturating_sub(excess);
        }
    }
}
