use super::super::{Fact, Outcome, Payload};
use super::Spot;
use super::entry::{Body, Entry, Mark, State, Work};
use crate::budget::Budget;
use crate::identity::{Digest, Key};
use crate::step::Effect;

/// All that there is to one key, so that coming by it is one look-up.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: Key,
    pub(super) hash: u64,
    /// The place that came before it with the same hash.
    pub(super) same_hash: Option<Spot>,
    pub(super) entry: Option<Entry>,
    /// What lies directly inside.
    pub(super) inside: Vec<Spot>,
    /// Whether somebody is at it at the moment.
    pub(super) claimed: bool,
}

impl Place {
    pub(super) fn new(key: Key, hash: u64) -> Self {
        Self { key, hash, same_hash: None, entry: None, inside: Vec::new(), claimed: false }
    }

    /// Whether it is known, and that of this key.
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.is_known() && self.key.as_str() == key
    }

    /// Whether any record is about it, or about something inside: then what it lies inside of knows it.
    pub(super) fn is_known(&self) -> bool {
        self.entry.is_some() || !self.inside.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        self.entry.as_ref().is_some_and(Entry::is_open)
    }

    pub(super) fn used(&self) -> Budget {
        self.entry.as_ref().map_or(Budget::ZERO, Entry::used)
    }

    /// What it has succeeded with.
    pub(super) fn output(&self) -> Option<(Key, Payload)> {
        match &self.entry.as_ref()?.body {
            Body::Work(Work { state: State::Done(Ok(output)), .. }) => {
                Some((self.key.clone(), output.clone()))
            }
            _ => None,
        }
    }

    /// Whether it is a branch that has its receipt, and will not be entered again.
    pub(super) fn is_ended_branch(&self) -> bool {
        let ended = |work: &Work| work.effect.is_none() && matches!(work.state, State::Done(_));
        matches!(&self.entry, Some(Entry { body: Body::Work(work), .. }) if ended(work))
    }

    /// Takes one fact about it into account; `replaces` says that the last delivery of a signal wins.
    pub(super) fn apply(
        &mut self,
        seq: u64,
        fact: &Fact,
        replaces: bool,
    ) -> Result<(), &'static str> {
        match fact {
            // These are about the run.
            Fact::Started { .. } | Fact::Finished { .. } => {}
            Fact::Intent { effect, digest, reserved } => {
                self.begin(seq, Some(*effect), *digest, *reserved);
            }
            Fact::Entered { digest } => self.begin(seq, None, *digest, Budget::ZERO),
            Fact::Receipt { digest, outcome, spent } => {
                self.receive(seq, digest, outcome, *spent)?;
            }
            Fact::Failed { spent, .. } => self.work(seq)?.end(State::Failed, *spent),
            Fact::Abandoned => {
                let work = self.work(seq)?;
                work.end(State::Abandoned, work.reserved());
            }
            Fact::Decided { value } => self.mark(seq, Mark::Decided(value.clone()), false),
            Fact::Awaited => self.mark(seq, Mark::Awaited, false),
            Fact::Delivered { value } => self.mark(seq, Mark::Delivered(value.clone()), replaces),
            Fact::Withdrawn => self.mark(seq, Mark::Withdrawn, false),
        }
        Ok(())
    }

    fn begin(&mut self, seq: u64, effect: Option<Effect>, digest: Digest, reserved: Budget) {
        // An intent over an open one leaves the earlier reservation spent: its call may have happened.
        let spent = self.used();
        let is_retried = match &self.entry {
            Some(Entry { body: Body::Work(work), .. }) => {
                work.is_in_doubt() || matches!(work.state, State::Withheld)
            }
            _ => false,
        };
        let state = State::Open { reserved };
        self.enter(seq, Body::Work(Work { effect, digest, spent, state, is_retried }));
    }

    fn receive(
        &mut self,
        seq: u64,
        digest: &Digest,
        outcome: &Outcome,
        spent: Budget,
    ) -> Result<(), &'static str> {
        if self.work(seq).is_err() {
            // Only a pure step that reserves nothing has no intent.
            self.begin(seq, Some(Effect::Pure), *digest, Budget::ZERO);
        }
        let work = self.work(seq)?;
        if work.digest != *digest {
            return Err("a receipt answers another input than its intent");
        }
        match outcome {
            Outcome::Ok(output) => work.end(State::Done(Ok(output.clone())), spent),
            Outcome::Err(error) => work.end(State::Done(Err(error.clone())), spent),
            // What is inside of a branch is not forgotten then, and says itself what it has used.
            Outcome::Withheld if work.effect.is_none() => work.end(State::Withheld, Budget::ZERO),
            Outcome::Withheld => work.end(State::Withheld, spent),
        }
        Ok(())
    }

    fn mark(&mut self, seq: u64, mark: Mark, replaces: bool) {
        // The first delivery stands, and asking for it late does not undo it.
        let stands =
            |entry: &Entry| matches!(&entry.body, Body::Mark(Mark::Delivered(_) | Mark::Withdrawn));
        if replaces || !self.entry.as_ref().is_some_and(stands) {
            self.enter(seq, Body::Mark(mark));
        }
    }

    fn enter(&mut self, seq: u64, body: Body) {
        self.entry = Some(Entry { seq, visited: true, passed: true, body });
    }

    fn work(&mut self, seq: u64) -> Result<&mut Work, &'static str> {
        match &mut self.entry {
            Some(Entry { seq: at, body: Body::Work(work), .. }) => {
                *at = seq;
                Ok(work)
            }
            _ => Err("the end of something that never began"),
        }
    }
}
