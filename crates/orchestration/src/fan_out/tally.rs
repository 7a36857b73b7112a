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
    /// How many of those agree, where that matters, and else all of them.
    support: usize,
    /// The ones that count, where arrival decides.
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
    /// Whether the pattern's own deadline has passed, and nothing else had settled it.
    late: bool,
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
            support: 0,
            winners: Vec::new(),
            failed: Vec::new(),
            cancelled: Vec::new(),
            suspended: Vec::new(),
            skipped: Vec::new(),
            failure: None,
            parked: None,
            waiting: None,
            settled: false,
            late: settled.is_some_and(Settlement::is_late),
            to_replay: settled.and_then(Settlement::came_by),
        };
        tally.look(None);
        tally
    }

    /// Takes the end of a child in, and gives its output back if it counts. What that changes is seen
    /// when it is [looked](Self::look) at.
    pub(super) fn take<O>(&mut self, index: usize, child: Child, end: End<O>) -> Option<O> {
        if let (Some(left), false) =
            (&mut self.to_replay, matches!(end, End::LeftOut(Fate::Skipped)))
        {
            *left = left.saturating_sub(1);
        }
        let error = match end {
            End::Ran(Ok(output)) if !self.settled => {
                self.ok += 1;
                if self.tolerance.is_by_arrival() {
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
        } else if self.is_stop(error.class()) {
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

    /// Whether a child that ends like this was stopped, and has not failed.
    fn is_stop(&self, class: Class) -> bool {
        class == Class::Cancelled || (self.late && class == Class::DeadlineExceeded)
    }

    /// Looks whether what was taken in settles the pattern; `support` is how many outputs agree, where
    /// that matters.
    pub(super) fn look(&mut self, support: Option<usize>) {
        self.support = support.unwrap_or(self.ok);
        if let Some(left) = self.to_replay {
            // What was left out then is left out again, so all that is known has to be come by.
            self.settled |= left == 0;
            return;
        }
        let needed = self.tolerance.needed();
        let ended = self.ok + self.failed.len() + self.cancelled.len();
        let is_hopeless =
            self.total.is_some_and(|total| self.support + total.saturating_sub(ended) < needed);
        self.settled |= match self.tolerance {
            Tolerance::Quorum(_) | Tolerance::Agreement(_) => self.support >= needed || is_hopeless,
            Tolerance::Within { .. } => is_hopeless,
            _ => false,
        };
    }

    /// Learns whether the pattern's own deadline has passed.
    pub(super) fn look_at_time(&mut self, is_up: bool) {
        self.late |= is_up && !self.is_decided();
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
        let needed = self.tolerance.needed();
        let enough = self.support >= needed;
        if self.settled && enough {
            return Ok(());
        }
        if let Some(stopped) = stopped
            && (!all || self.was_interrupted())
        {
            return Err(self.waiting.take().map_or(stopped.clone(), |w| stopped.merge(w)));
        }
        let may_still_come = self.support + self.suspended.len() >= needed;
        let is_content = match self.tolerance {
            Tolerance::BestEffort(_) => enough,
            Tolerance::Within { .. } => enough || self.late,
            _ => false,
        };
        match self.waiting.take() {
            Some(waiting) if may_still_come && !is_content => Err(waiting),
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
        let disagree = self.ok - self.support;
        let without = |lost: usize| of.saturating_sub(lost + disagree) >= needed;
        let is_lasting = |class: &Class| *class != Class::Transient;
        let class = if !without(classes().filter(|class| *class == Class::Permanent).count()) {
            Class::Permanent
        } else if self.late {
            Class::DeadlineExceeded
        } else if without(classes().filter(is_lasting).count()) {
            Class::Transient
        } else {
            classes()
                .find(|class| is_lasting(class) && *class != Class::Permanent)
                .unwrap_or(Class::Permanent)
        };
        let first = self.failed.first().map(|(index, _, error)| (*index, error.recorded()));
        let (largest, succeeded) = (self.support, self.ok);
        if let Tolerance::Agreement(_) = self.tolerance {
            PatternError::NoAgreement { needed, largest, answered: succeeded, of, first, class }
                .into()
        } else {
            PatternError::TooFew { needed, succeeded, of, first, class }.into()
        }
    }

    /// Whether a failure is for good, so that the journal has to know who counted in it: which
    /// failures were seen until there were too many, and who was in time, is a matter of arrival.
    pub(super) fn is_final(&self, failure: &AgentError, is_stopped: bool) -> bool {
        let is_out_of_time = || self.late && !is_stopped;
        match failure.class() {
            _ if self.tolerance == Tolerance::FailFast => false,
            Class::Permanent => true,
            Class::DeadlineExceeded => is_out_of_time(),
            _ => false,
        }
    }

    /// What the journal has to know, if the children alone do not say it.
    pub(super) fn record(&self) -> Option<Record> {
        let children = |of: &[(usize, Child)]| of.iter().map(|(_, child)| child.clone()).collect();
        let record = Record {
            ok: self.tolerance.is_by_arrival().then(|| self.winners.clone()),
            failed: self
                .failed
                .iter()
                .map(|(_, child, error)| (child.clone(), error.recorded()))
                .collect(),
            cancelled: children(&self.cancelled),
            suspended: children(&self.suspended),
            late: self.late,
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
