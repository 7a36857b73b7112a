mod entry;
mod inside;
mod standing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Fact, JournalError, Outcome, Record};
use crate::budget::Budget;
use crate::identity::{Digest, Key, RunId};
use crate::step::Effect;
pub(crate) use entry::Mark;
use entry::{Body, Entry, State, Work};
pub(crate) use inside::Open;
pub(crate) use standing::Standing;

/// What the records of a run amount to: a pure fold over them, kept up to date as new ones are
/// accepted. A record costs the same however many there are; what lies inside a branch is dropped
/// with its receipt.
#[derive(Debug, Default)]
pub(crate) struct History {
    started: Option<(RunId, Arc<str>)>,
    finished: bool,
    worked: Duration,
    accepted: u64,
    open: usize,
    entries: HashMap<Key, Entry>,
    /// What lies directly inside each key that anything lies inside of.
    tree: HashMap<Key, Vec<Key>>,
    in_flight: HashSet<Key>,
    /// A broken variant: the last delivery of a signal wins.
    pub(crate) replaces_deliveries: bool,
}

impl History {
    /// Folds the records of a journal. All of them count as not yet visited.
    pub(crate) fn load(records: Vec<Record>) -> Result<Self, JournalError> {
        let mut history = Self::default();
        for record in records {
            let seq = history.accepted;
            history.apply(&record).map_err(|found| JournalError::Inconsistent { seq, found })?;
        }
        for entry in history.entries.values_mut() {
            (entry.visited, entry.passed) = (false, false);
        }
        Ok(history)
    }

    pub(crate) fn started(&self) -> Option<&(RunId, Arc<str>)> {
        self.started.as_ref()
    }

    /// How many records were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(crate) fn worked(&self) -> Duration {
        self.worked
    }

    /// Takes one record into account.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), &'static str> {
        let seq = self.accepted;
        self.accepted += 1;
        self.worked = self.worked.max(record.worked);
        if self.started.is_none() != matches!(record.fact, Fact::Started { .. }) {
            return Err("a journal begins with the one record that names its run");
        }
        let key = &record.key;
        match &record.fact {
            Fact::Started { run, name } => self.started = Some((run.clone(), name.clone())),
            Fact::Finished { .. } => self.finished = true,
            Fact::Intent { effect, digest, reserved } => {
                self.begin(seq, key, Some(*effect), *digest, *reserved);
            }
            Fact::Entered { digest } => self.begin(seq, key, None, *digest, Budget::ZERO),
            Fact::Receipt { digest, outcome, spent } => {
                if self.work(key, seq).is_err() {
                    // Only a pure step that reserves nothing has no intent.
                    self.begin(seq, key, Some(Effect::Pure), *digest, Budget::ZERO);
                }
                let work = self.work(key, seq)?;
                if work.digest != *digest {
                    return Err("a receipt answers another input than its intent");
                }
                let is_branch = work.effect.is_none();
                let closed = work.end(State::Done(outcome.clone()), *spent);
                self.open -= closed;
                if is_branch {
                    self.prune(key);
                }
            }
            Fact::Failed { spent, .. } => {
                let closed = self.work(key, seq)?.end(State::Failed, *spent);
                self.open -= closed;
            }
            Fact::Abandoned => {
                let work = self.work(key, seq)?;
                let closed = work.end(State::Abandoned, work.reserved());
                self.open -= closed;
            }
            Fact::Decided { value } => self.mark(seq, key, Mark::Decided(value.clone())),
            Fact::Awaited => self.mark(seq, key, Mark::Awaited),
            Fact::Delivered { value } => self.mark(seq, key, Mark::Delivered(value.clone())),
            Fact::Withdrawn => self.mark(seq, key, Mark::Withdrawn),
        }
        Ok(())
    }

    /// Forgets what lies inside a key: nobody will come by it again.
    fn prune(&mut self, outer: &Key) {
        let mut below = self.tree.remove(outer).unwrap_or_default();
        while let Some(key) = below.pop() {
            if let Some(entry) = self.entries.remove(&key)
                && entry.is_open()
            {
                self.open -= 1;
            }
            below.extend(self.tree.remove(&key).unwrap_or_default());
        }
    }

    fn begin(
        &mut self,
        seq: u64,
        key: &Key,
        effect: Option<Effect>,
        digest: Digest,
        reserved: Budget,
    ) {
        // An intent over an open one leaves the earlier reservation spent: its call may have happened.
        let spent = self.entries.get(key).map_or(Budget::ZERO, Entry::used);
        let state = State::Open { reserved };
        self.insert(seq, key, Body::Work(Work { effect, digest, spent, state }));
    }

    fn mark(&mut self, seq: u64, key: &Key, mark: Mark) {
        // The first delivery stands, and asking for it late does not undo it.
        let stands =
            |entry: &Entry| matches!(&entry.body, Body::Mark(Mark::Delivered(_) | Mark::Withdrawn));
        let first_wins = !(self.replaces_deliveries && matches!(mark, Mark::Delivered(_)));
        if !(first_wins && self.entries.get(key).is_some_and(stands)) {
            self.insert(seq, key, Body::Mark(mark));
        }
    }

    fn insert(&mut self, seq: u64, key: &Key, body: Body) {
        let entry = Entry { seq, visited: true, passed: true, body };
        let is_open = usize::from(entry.is_open());
        let before = self.entries.insert(key.clone(), entry);
        if before.is_none() && !self.tree.contains_key(key) {
            self.plant(key);
        }
        let was_open = usize::from(before.is_some_and(|before| before.is_open()));
        self.open = self.open + is_open - was_open;
    }

    /// Makes a key known to what it lies inside of, up to the root.
    fn plant(&mut self, key: &Key) {
        let mut key = key.clone();
        while let Some(parent) = key.parent() {
            let first = match self.tree.get_mut(parent) {
                Some(inside) => {
                    inside.push(key);
                    return;
                }
                None => Key::new(parent),
            };
            self.tree.insert(first.clone(), vec![key]);
            if self.entries.contains_key(&first) {
                return;
            }
            key = first;
        }
    }

    fn work(&mut self, key: &Key, seq: u64) -> Result<&mut Work, &'static str> {
        match self.entries.get_mut(key) {
            Some(Entry { seq: at, body: Body::Work(work), .. }) => {
                *at = seq;
                Ok(work)
            }
            _ => Err("the end of something that never began"),
        }
    }
}
