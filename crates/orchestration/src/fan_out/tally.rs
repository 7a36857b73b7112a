use maniple_core::{AgentError, Class};

use super::child::Child;
use super::queue::End;
use super::settlement::{Fate, Record, Settlement};
use crate::error::PatternError;
use crate::partial::Partial;
use crate::policy::Tolerance;

/// What became of the children so far, and whether that settles the pattern. It is pure: what was
/// counted decides, and neither clocks nor tasks.
#[derive(Debug)]
pub(super) struct Tally {
    tolerance: Tolerance,
    /// How many children there are, where that is known.
    total: Option<usize>,
    waits: fn(&AgentError) -> bool,
    ok: usize,
    /// The ones that count, where only the first to succeed do.
    winners: Vec<Child>,
    failed: Vec<(usize, Child, AgentError)>,
    cancelled: Vec<(usize, Child)>,
    suspended: Vec<(usize, Child)>,
    skipped: Vec<usize>,
    /// What ends the pattern, whatever else the children do.
    failure: Option<AgentError>,
    /// What an operator has to see to before the pattern can end.
    parked: Option<AgentError>,
    waiting: Option<AgentError>,
    settled: bool,
    /// How many children were come by when this was settled before, and are not come by yet.
    to_replay: Option<usize>,
}

/// What there is to know when no child runs any more.
#[derive(Debug)]
pub(super) struct Drained {
    /// How many inputs were pulled.
    pub(super) pulled: usize,
    /// Whether those were all.
    pub(super) all: bool,
    /// Why the pattern is being stopped from above, if it is.
    pub(super) stopped: Option<AgentError>,
}

impl Tally {
    pub(super) fn new(
        tolerance: Tolerance,
        total: Option<usize>,
        waits: fn(&AgentError) -> bool,
        settled: Option<&Settlement>,
    ) -> Self {
        let mut tally = Self {
            tolerance,
            total,
            waits,
            ok: 0,
            winners: Vec::new(),
            failed: Vec::new(),
            cancelled: Vec::new(),
            suspended: Vec::new(),
            skipped: Vec::new(),
            failure: None,
            parked: None,
            waiting: None,
            settled: false,
            to_replay: settled.and_then(Settlement::came_by),
        };
        tally.look();
        tally
    }

    /// Takes the end of a child in, and gives its output back if it counts.
    pub(super) fn take<O>(&mut self, index: usize, child: Child, end: End<O>) -> Option<O> {
        let output = self.count(index, child, end);
        self.look();
        output
    }

    fn count<O>(&mut self, index: usize, child: Child, end: End<O>) -> Option<O> {
        if let (Some(left), false) =
            (&mut self.to_replay, matches!(end, End::LeftOut(Fate::Skipped)))
        {
            *left = left.saturating_sub(1);
        }
        let error = match end {
            End::Ran(Ok(output)) if !self.settled => {
                self.ok += 1;
                if matches!(self.tolerance, Tolerance::Quorum(_)) {
                    self.winners.push(child);
                }
                return Some(output);
            }
            // Too late to count.
            End::Ran(Ok(_)) | End::Aborted | End::LeftOut(Fate::Cancelled) => {
                self.cancelled.push((index, child));
                return None;
            }
            End::Ran(Err(error)) => error,
            End::LeftOut(Fate::Failed(error)) => AgentError::Recorded(error),
            End::LeftOut(Fate::Suspended) => {
                self.suspended.push((index, child));
                self.look();
                return None;
            }
            End::LeftOut(Fate::Skipped) => {
                // What a stream still had to give is not known where nothing was pulled of it.
                if self.total.is_some() {
                    self.skipped.push(index);
                }
                return None;
            }
        };
        self.fail(index, child, error);
        None
    }

    fn fail(&mut self, index: usize, child: Child, error: AgentError) {
        let fails_fast = self.tolerance == Tolerance::FailFast;
        if (self.waits)(&error) {
            if !self.settled {
                merge(&mut self.waiting, error);
            }
            self.suspended.push((index, child));
        } else if fails_fast || error.class() == Class::Diverged {
            merge(&mut self.failure, error);
        } else if error.class() == Class::Parked {
            merge(&mut self.parked, error);
        } else if error.class() == Class::Cancelled {
            self.cancelled.push((index, child));
        } else {
            self.failed.push((index, child, error));
        }
    }

    /// Ends the pattern with a failure that is none of a child.
    pub(super) fn end_with(&mut self, failure: AgentError) {
        merge(&mut self.failure, failure);
    }

    /// Whether what still runs makes no difference any more.
    pub(super) fn is_decided(&self) -> bool {
        self.settled || self.failure.is_some()
    }

    fn look(&mut self) {
        if let Some(left) = self.to_replay {
            // What was left out then is left out again, so all that is known has to be come by.
            self.settled |= left == 0;
        } else if let Tolerance::Quorum(needed) = self.tolerance {
            let lost = self.failed.len() + self.cancelled.len();
            let hopeless = self.total.is_some_and(|total| total.saturating_sub(lost) < needed);
            self.settled |= self.ok >= needed || hopeless;
        }
    }

    /// How many children were never begun, once it has ended.
    pub(super) fn skipped(&self) -> usize {
        self.skipped.len()
    }

    /// How the pattern has ended; what is left out is in the order of the inputs.
    pub(super) fn conclude(&mut self, drained: Drained) -> Result<(), AgentError> {
        self.failed.sort_by_key(|(index, ..)| *index);
        self.cancelled.sort_by_key(|(index, _)| *index);
        self.suspended.sort_by_key(|(index, _)| *index);
        let Drained { pulled, all, stopped } = drained;
        self.skipped.extend(pulled..self.total.unwrap_or(pulled));
        self.skipped.sort_unstable();

        let failure = self.failure.take().or_else(|| self.parked.take());
        if let Some(mut failure) = failure {
            // That some child was cancelled says less than why, and less than what another waits for.
            for more in stopped.into_iter().chain(self.waiting.take()) {
                failure = failure.merge(more);
            }
            return Err(failure);
        }
        let needed = match self.tolerance {
            Tolerance::FailFast | Tolerance::CollectAll => 0,
            Tolerance::Quorum(needed) | Tolerance::BestEffort(needed) => needed,
        };
        let enough = self.ok >= needed;
        if self.settled && enough {
            return Ok(());
        }
        if let Some(stopped) = stopped
            && (!all || self.was_interrupted())
        {
            return Err(self.waiting.take().map_or(stopped.clone(), |w| stopped.merge(w)));
        }
        let may_still_come = self.ok + self.suspended.len() >= needed;
        match self.waiting.take() {
            Some(waiting)
                if may_still_come
                    && !(enough && matches!(self.tolerance, Tolerance::BestEffort(_))) =>
            {
                Err(waiting)
            }
            _ if enough => Ok(()),
            _ => Err(self.too_few(needed, self.total.unwrap_or(pulled))),
        }
    }

    /// Whether some child may have ended only because it was stopped.
    fn was_interrupted(&self) -> bool {
        // A failure that is not final may be one that being stopped has brought about.
        let may_be = |error: &AgentError| error.class() != Class::Permanent;
        !self.cancelled.is_empty() || self.failed.iter().any(|(_, _, error)| may_be(error))
    }

    /// Only failures that are final make the lack of successes final, and only those that may be tried
    /// again make it one that may be.
    fn too_few(&self, needed: usize, of: usize) -> AgentError {
        let classes = || self.failed.iter().map(|(_, _, error)| error.class());
        let without = |lost: usize| of.saturating_sub(lost) >= needed;
        let is_lasting = |class: &Class| *class != Class::Transient;
        let class = if !without(classes().filter(|class| *class == Class::Permanent).count()) {
            Class::Permanent
        } else if without(classes().filter(is_lasting).count()) {
            Class::Transient
        } else {
            classes()
                .find(|class| is_lasting(class) && *class != Class::Permanent)
                .unwrap_or(Class::Permanent)
        };
        PatternError::TooFew {
            needed,
            succeeded: self.ok,
            of,
            first: self.failed.first().map(|(index, _, error)| (*index, error.recorded())),
            class,
        }
        .into()
    }

    /// What the journal has to know, if the children alone do not say it.
    pub(super) fn record(&self) -> Option<Record> {
        let children = |of: &[(usize, Child)]| of.iter().map(|(_, child)| child.clone()).collect();
        let record = Record {
            ok: matches!(self.tolerance, Tolerance::Quorum(_)).then(|| self.winners.clone()),
            failed: self
                .failed
                .iter()
                .map(|(_, child, error)| (child.clone(), error.recorded()))
                .collect(),
            cancelled: children(&self.cancelled),
            suspended: children(&self.suspended),
        };
        let says_nothing = record.ok.is_none()
            && record.failed.is_empty()
            && record.cancelled.is_empty()
            && record.suspended.is_empty();
        (!says_nothing).then_some(record)
    }

    /// Those that do not count.
    pub(super) fn left_out(self) -> Partial<()> {
        let indices = |of: Vec<(usize, Child)>| of.into_iter().map(|(index, _)| index).collect();
        Partial {
            ok: (),
            failed: self.failed.into_iter().map(|(index, _, error)| (index, error)).collect(),
            cancelled: indices(self.cancelled),
            skipped: self.skipped,
            suspended: indices(self.suspended),
        }
    }
}

fn merge(into: &mut Option<AgentError>, error: AgentError) {
    *into = Some(match into.take() {
        Some(before) => before.merge(error),
        None => error,
    });
}
