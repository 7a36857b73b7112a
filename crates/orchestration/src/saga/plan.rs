use std::sync::Arc;
use std::time::Duration;

use maniple_core::{Budget, Effect};

use super::act::{Act, Compensation, TakeBack};
use super::fault::Faults;
use super::graph::Graph;

/// A saga without its types.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) graph: Arc<Graph>,
    /// What stands at each node of the graph.
    pub(super) parts: Vec<Part>,
    /// The steps whose outputs the saga's is made of.
    pub(super) outputs: Vec<usize>,
    pub(super) compensation: Compensation,
    pub(super) undo_budget: Option<Budget>,
    pub(super) grace: Duration,
    pub(super) concurrency: usize,
    pub(super) faults: Faults,
}

#[derive(Clone)]
pub(super) struct Part {
    pub(super) act: Arc<dyn Act>,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
    pub(super) reversal: Reversal,
    pub(super) input: Slot,
    pub(super) given: Vec<usize>,
}

/// What a part leaves in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One step: where it fails for good or for now, nothing has happened.
    Step,
    /// Whatever an agent does: where it fails, a part of that may have happened.
    Agent,
    /// Nothing.
    Value,
}

/// Where the input of a step comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// It is that of the saga.
    Saga,
    /// Of a saga in a saga: it is what that step has made.
    Step(usize),
}

/// How a step is taken back.
#[derive(Clone)]
pub(super) enum Reversal {
    By(Arc<dyn TakeBack>),
    Nothing,
    Never,
}

impl Reversal {
    /// As it is journaled.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::By(_) => "undo",
            Self::Nothing => "nothing",
            Self::Never => "never",
        }
    }
}
