use super::super::{Answer, Payload};
use crate::budget::Budget;
use crate::identity::Digest;
use crate::step::Effect;

/// What the records say of one key.
#[derive(Debug)]
pub(super) struct Entry {
    /// The record that set this state, counted from 0.
    pub(super) seq: u64,
    /// Whether this process has come by here; what it has not reached yet is held in the leases.
    pub(super) visited: bool,
    /// Whether this process is past here, be it that it came by or that it never will.
    pub(super) passed: bool,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Work(Work),
    Mark(Mark),
}

#[derive(Debug)]
pub(super) struct Work {
    /// `None` is a branch.
    pub(super) effect: Option<Effect>,
    pub(super) digest: Digest,
    /// Everything used under this key that is settled.
    pub(super) spent: Budget,
    pub(super) state: State,
    /// Whether a try before the last one may have happened: its intent was followed by another.
    pub(super) is_retried: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Open {
        reserved: Budget,
    },
    Failed,
    Done(Answer),
    /// It succeeded, and nobody knows with what.
    Withheld,
    Abandoned,
}

/// A decision or a signal.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    Decided(Payload),
    Awaited,
    Delivered(Payload),
    Withdrawn,
}

impl Entry {
    pub(super) fn visit(&mut self) -> Budget {
        self.passed = true;
        if std::mem::replace(&mut self.visited, true) { Budget::ZERO } else { self.used() }
    }

    pub(super) fn used(&self) -> Budget {
        match &self.body {
            Body::Work(work) => work.spent.plus(work.reserved()),
            Body::Mark(_) => Budget::ZERO,
        }
    }

    /// Whether code has written it that would come by here again.
    pub(super) fn is_of_code(&self) -> bool {
        match &self.body {
            Body::Work(work) => !matches!(work.state, State::Abandoned),
            Body::Mark(mark) => matches!(mark, Mark::Decided(_)),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(
            &self.body,
            Body::Work(Work { state: State::Open { .. }, .. }) | Body::Mark(Mark::Awaited)
        )
    }
}

impl Work {
    pub(super) fn reserved(&self) -> Budget {
        match self.state {
            State::Open { reserved } => reserved,
            _ => Budget::ZERO,
        }
    }

    /// Whether a step may have happened of which no success is known.
    pub(super) fn is_in_doubt(&self) -> bool {
        match self.state {
            State::Open { .. } => true,
            State::Failed | State::Done(Err(_)) => self.is_retried,
            State::Done(Ok(_)) | State::Withheld | State::Abandoned => false,
        }
    }

    pub(super) fn end(&mut self, state: State, spent: Budget) {
        self.spent = self.spent.plus(spent);
        self.state = state;
    }
}
