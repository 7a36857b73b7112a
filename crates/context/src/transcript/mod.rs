//! What of an agent's transcript can go without a question: first what is said twice, then what
//! its own steps make least of.
//!
//! Three steps, each a pure function of slices:
//!
//! 1. [`Lines::of`] cuts the turns where they may be shortened, [`Index::of`] finds what each line
//!    names. Whoever counts tokens gives a [`Cost`] for each line.
//! 2. [`repeated()`] says which lines lose nothing by going, and where each is said again. Together
//!    with the [openings](Line::opening) that a line above makes needless it is lossless in content.
//! 3. [`Worth::of`] says what the lines and names are worth, [`choose()`] fills a room by it.
//!
//! The worth of a line follows what the agent does, not what the task sounds like: names count once
//! each, more where the agent itself has used them; a line of a file counts more the later it was
//! read, the less was read with it, and the more rare words near it the task or the agent says.

mod arguments;
mod choose;
mod index;
mod line;
mod names;
mod repeated;
#[cfg(test)]
mod tests;
mod worth;

use crate::segment::Priority;

pub(crate) use arguments::each_part;
pub(crate) use choose::choose;
pub(crate) use index::Index;
pub(crate) use line::{Line, Lines, Shape};
pub(crate) use repeated::{Gone, repeated};
pub(crate) use worth::Worth;

/// A turn of a transcript, as far as its reduction goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn<'c> {
    /// What is counted and shown. Of a call the arguments as JSON, with the name before or without.
    pub(crate) text: &'c str,
    pub(crate) origin: Origin<'c>,
    /// The turn with the result, of a call; the turn with the call, of a result.
    pub(crate) pair: Option<usize>,
    /// Stays byte for byte.
    pub(crate) pinned: bool,
    /// Has been made as small as it shall be, and stays so.
    pub(crate) settled: bool,
    /// Its lines are taken before all of a lower one, whatever they are worth.
    pub(crate) priority: Priority,
}

/// Where a turn comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin<'c> {
    User,
    Assistant,
    Call { name: &'c str },
    Result,
    Document,
}

/// What a line costs in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cost {
    /// Without its [opening](Line::opening).
    pub(crate) body: u32,
    /// What the opening adds.
    pub(crate) opening: u32,
}

impl Cost {
    /// With the opening, unless the line above says it.
    fn beside(self, opening_is_said: bool) -> u64 {
        u64::from(self.body) + if opening_is_said { 0 } else { u64::from(self.opening) }
    }
}

impl Turn<'_> {
    /// Whether lines of it may go: never of what is pinned or settled, nor of a call that waits for its result.
    fn may_shrink(&self) -> bool {
        !self.pinned
            && !self.settled
            && (self.pair.is_some() || !matches!(self.origin, Origin::Call { .. }))
    }

    /// Whether it says what is asked for.
    fn is_task(&self) -> bool {
        self.pinned || self.origin == Origin::User
    }

    fn is_call(&self) -> bool {
        matches!(self.origin, Origin::Call { .. })
    }

    /// Whether a tool or a host put it there, not a speaker.
    fn is_material(&self) -> bool {
        matches!(self.origin, Origin::Result | Origin::Document)
    }
}
