mod choice;
mod passages;

use super::view::View;
use super::{Draft, Loss, Reducer};
use crate::error::ContextError;
pub(super) use choice::Choice;
use passages::Passages;

/// Fills the budget with what is worth the most, and drops the rest.
///
/// What must be kept comes first, and what another reducer has already made as small as it shall be;
/// then what has the higher priority.
///
/// In a context without tool calls, turns of a conversation are chosen whole unless they are long,
/// other texts by their lines and sentences. What a passage is worth for the query, or by itself, is
/// said at [`worth`](crate::relevance::worth), and how it is chosen at
/// [`Greedy`](crate::select::Greedy). In an agent's transcript lines are chosen by what its own steps
/// make of them: identifiers, paths and numbers count once each, more where the agent has used them
/// itself, and the lines of a file the more the later it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    granularity: Granularity,
}

/// What is chosen or not as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Granularity {
    #[default]
    Pieces,
    Segments,
}

impl Selection {
    /// Chooses segments whole, also those of an agent's transcript, as
    /// [`worth`](crate::relevance::worth) says.
    pub fn of_segments() -> Self {
        Self { granularity: Granularity::Segments }
    }
}

impl Reducer for Selection {
    fn name(&self) -> &'static str {
        "selection"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let view = match self.granularity {
            Granularity::Pieces => View::of(draft),
            Granularity::Segments => None,
        };
        if let Some(view) = view {
            return fill(draft, |draft, room| view.choose(draft, room));
        }
        let passages = Passages::of(draft, self.granularity);
        let worth = passages.worth(draft);
        fill(draft, |draft, room| passages.choose(draft, &worth, room))
    }
}

/// Applies the choice that fills the room.
fn fill(
    draft: &mut Draft<'_>,
    choose: impl Fn(&Draft<'_>, usize) -> Choice,
) -> Result<(), ContextError> {
    let mut room = draft.room();
    loop {
        let choice = choose(draft, room);
        // Pieces that do not count their sum may come to more than they do one by one.
        let excess = choice.tokens.saturating_sub(draft.room());
        if excess == 0 || room == 0 && choice.tokens <= draft.budget() {
            return choice.apply(draft);
        }
        if room == 0 {
            // What costs nothing alone costs something together.
            return Choice::nothing_else(draft).apply(draft);
        }
        room = room.saturating_sub(excess);
    }
}
