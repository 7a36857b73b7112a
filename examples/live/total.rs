//! What all turns come to.

use maniple::context::{Price, Savings};

use crate::replay::Turn;

/// Sums over turns.
#[derive(Debug, Default)]
pub(crate) struct Total {
    pub(crate) savings: Savings,
    pub(crate) compactions: usize,
    /// The turns that began with all of the turn before; the first has none before it.
    pub(crate) kept: u64,
    /// The most tokens of a turn.
    pub(crate) largest: usize,
    /// The turns that did not fit the window: none, or something is wrong.
    pub(crate) above_window: usize,
    /// The turns that would not have fit it without reducing.
    pub(crate) above_window_without: usize,
    /// The most that a turn would have had without reducing.
    pub(crate) largest_unreduced: usize,
}

impl Total {
    pub(crate) fn add(&mut self, turn: &Turn, price: &Price, window: usize) {
        self.savings.turn(price, turn.without, turn.with);
        self.compactions += usize::from(turn.compaction.is_some());
        self.kept += u64::from(turn.number > 1 && turn.is_kept());
        self.largest = self.largest.max(turn.tokens);
        self.above_window += usize::from(turn.tokens > window);
        self.above_window_without += usize::from(turn.unreduced > window);
        self.largest_unreduced = self.largest_unreduced.max(turn.unreduced);
    }

    /// The turns that have one before them.
    pub(crate) fn later_turns(&self) -> u64 {
        self.savings.turns().saturating_sub(1)
    }
}
