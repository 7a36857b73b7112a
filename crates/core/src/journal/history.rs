use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Fact, JournalError, Outcome, Payload, Record};
use crate::budget::Budget;
use crate::identity::{Digest, Key, RunId};
use crate::step::Effect;

/// What the records of a run amount to: a pure fold over them, kept up to date as new ones are
/// accepted. It costs O(log n) a record; what lies inside a branch is dropped with its receipt.
#[derive(Debug, Default)]
pub(crate) struct History {
    started: Option<(RunId, Arc<str>)>,
    finished: bool,
    worked: Duration,
    accepted: u64,
    open: usize,
    entries: BTreeMap<Key, Entry>,
    in_flight: HashSet<Key>,
}

#[derive(Debug)]
struct Entry {
    /// The record that set this state, counted from 0.
    seq: u64,
    /// Whether this process has come by here; what it has not reached yet is held in the leases.
    visited: bool,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Work(Work),
    Mark(Mark),
}

#[derive(Debug)]
struct Work {
    /// `None` is a branch.
    effect: Option<Effect>,
    digest: Digest,
    /// Everything used under this key that is settled.
    spent: Budget,
    state: State,
}

#[derive(Debug)]
enum State {
    Open { reserved: Budget },
    Failed,
    Done(Outcome),
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

/// Where a step stands when it is entered.
#[derive(Debug)]
pub(crate) enum StepState {
    /// Never tried, or failed without a lasting effect.
    Ready,
    /// An intent without a receipt. The effect is the stricter of the recorded and the stated one.
    InDoubt(Effect),
    Done(Outcome),
    Abandoned,
    Diverged(String),
}

/// Where a branch stands when it is entered.
#[derive(Debug)]
pub(crate) enum BranchState {
    /// To be entered, with a record that says so.
    New,
    /// Entered before, and to be entered again.
    Open,
    Done(Outcome),
    Abandoned,
    Diverged(String),
}

/// An entry that no receipt has closed.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) key: Key,
    /// The effect and digest of a step; `None` for a branch, or a signal that is waited for.
    pub(crate) step: Option<(Effect, Digest)>,
    pub(crate) signal: bool,
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
            entry.visited = false;
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
                if !self.entries.contains_key(key) {
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

    /// Comes by a step.
    ///
    /// The second value is what the journal says it has used, where this process had not yet
    /// counted that.
    pub(crate) fn enter_step(
        &mut self,
        key: &Key,
        stated: Effect,
        digest: &Digest,
        compare: bool,
    ) -> (StepState, Budget) {
        let Some(entry) = self.entries.get_mut(key) else {
            return (StepState::Ready, Budget::ZERO);
        };
        let debit = entry.visit();
        let state = match &entry.body {
            Body::Work(Work { effect: Some(effect), digest: recorded, state, .. }) => {
                if compare && recorded != digest {
                    StepState::Diverged(format!("recorded input {recorded}, now {digest}"))
                } else {
                    match state {
                        State::Open { .. } => StepState::InDoubt(stated.max(*effect)),
                        State::Failed => StepState::Ready,
                        State::Done(outcome) => StepState::Done(outcome.clone()),
                        State::Abandoned => StepState::Abandoned,
                    }
                }
            }
            _ => StepState::Diverged("recorded as a branch, now a step".into()),
        };
        (state, debit)
    }

    /// Comes by a branch; the second value is as for [`enter_step`](Self::enter_step).
    pub(crate) fn enter_branch(&mut self, key: &Key, digest: &Digest) -> (BranchState, Budget) {
        let Some(entry) = self.entries.get_mut(key) else {
            return (BranchState::New, Budget::ZERO);
        };
        let debit = entry.visit();
        let branch = match &entry.body {
            Body::Work(Work { effect: None, digest: recorded, state, .. }) => {
                if recorded == digest {
                    match state {
                        State::Open { .. } => BranchState::Open,
                        State::Failed => BranchState::New,
                        State::Done(outcome) => BranchState::Done(outcome.clone()),
                        State::Abandoned => BranchState::Abandoned,
                    }
                } else {
                    BranchState::Diverged(format!("recorded input {recorded}, now {digest}"))
                }
            }
            _ => BranchState::Diverged("recorded as a step, now a branch".into()),
        };
        (branch, debit)
    }

    /// Claims a key for the work that is about to be done under it; `false` if it already is.
    pub(crate) fn claim(&mut self, key: &Key) -> bool {
        self.in_flight.insert(key.clone())
    }

    /// Gives a claim back.
    pub(crate) fn release(&mut self, key: &Key) {
        self.in_flight.remove(key);
    }

    /// A decision or signal, and the fact that this process has come by it.
    pub(crate) fn visit_mark(&mut self, key: &Key) -> Option<Mark> {
        let entry = self.entries.get_mut(key)?;
        entry.visited = true;
        match &entry.body {
            Body::Mark(mark) => Some(mark.clone()),
            Body::Work(_) => None,
        }
    }

    /// A decision or signal, without coming by it.
    pub(crate) fn peek_mark(&self, key: &Key) -> Option<&Mark> {
        match &self.entries.get(key)?.body {
            Body::Mark(mark) => Some(mark),
            Body::Work(_) => None,
        }
    }

    pub(crate) fn is_done(&self, key: &Key) -> bool {
        let done = |body: &Body| matches!(body, Body::Work(Work { state: State::Done(_), .. }));
        self.entries.get(key).is_some_and(|entry| done(&entry.body))
    }

    /// The keys of all signals that are waited for, in order.
    pub(crate) fn awaited(&self) -> Vec<Key> {
        let awaited = |entry: &Entry| matches!(entry.body, Body::Mark(Mark::Awaited));
        self.entries.iter().filter(|(_, e)| awaited(e)).map(|(key, _)| key.clone()).collect()
    }

    /// Whether an earlier process has recorded something inside `outer` that this one has not come
    /// by: the code that wrote it has passed this point before.
    pub(crate) fn is_ahead(&self, outer: &Key) -> bool {
        self.inside(outer).any(|(_, entry)| !entry.visited)
    }

    /// The failure that was journaled first among the branches directly inside `outer`.
    pub(crate) fn first_failure(&self, outer: &Key) -> Option<&crate::RecordedError> {
        if self.entries.is_empty() {
            return None;
        }
        self.inside(outer)
            .filter(|(key, _)| {
                let rest = &key.as_str()[outer.as_str().len() + 1..];
                !rest.contains(Key::INSIDE)
            })
            .filter_map(|(_, entry)| match &entry.body {
                Body::Work(Work {
                    effect: None, state: State::Done(Outcome::Err(error)), ..
                }) => Some((entry.seq, error)),
                _ => None,
            })
            .min_by_key(|(seq, _)| *seq)
            .map(|(_, error)| error)
    }

    /// What is open inside `outer`, in the order of its keys.
    pub(crate) fn open_inside(&self, outer: &Key) -> Vec<Open> {
        if self.open == 0 {
            return Vec::new();
        }
        self.inside(outer)
            .filter_map(|(key, entry)| match &entry.body {
                Body::Work(Work { effect, digest, state: State::Open { .. }, .. }) => Some(Open {
                    key: key.clone(),
                    step: effect.map(|effect| (effect, *digest)),
                    signal: false,
                }),
                Body::Mark(Mark::Awaited) => {
                    Some(Open { key: key.clone(), step: None, signal: true })
                }
                _ => None,
            })
            .collect()
    }

    /// Everything used inside `outer`, reservations that are in doubt included.
    pub(crate) fn used_inside(&self, outer: &Key) -> Budget {
        self.inside(outer).fold(Budget::ZERO, |sum, (_, entry)| sum.plus(entry.used()))
    }

    /// Of that, what this process has not come by yet.
    pub(crate) fn held_inside(&self, outer: &Key) -> Budget {
        self.inside(outer)
            .filter(|(_, entry)| !entry.visited)
            .fold(Budget::ZERO, |sum, (_, entry)| sum.plus(entry.used()))
    }

    fn inside(&self, outer: &Key) -> impl Iterator<Item = (&Key, &Entry)> {
        Key::INSIDE.into_iter().flat_map(move |sigil| {
            let prefix = format!("{}{sigil}", outer.as_str());
            self.entries
                .range(Key::new(&prefix)..)
                .take_while(move |(key, _)| key.as_str().starts_with(&prefix))
        })
    }

    fn prune(&mut self, outer: &Key) {
        let inside: Vec<Key> = self.inside(outer).map(|(key, _)| key.clone()).collect();
        for key in inside {
            if let Some(entry) = self.entries.remove(&key)
                && entry.is_open()
            {
                self.open -= 1;
            }
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
        let was_open = self.entries.get(key).is_some_and(Entry::is_open);
        self.open += usize::from(!was_open);
        let state = State::Open { reserved };
        let body = Body::Work(Work { effect, digest, spent, state });
        self.entries.insert(key.clone(), Entry { seq, visited: true, body });
    }

    fn mark(&mut self, seq: u64, key: &Key, mark: Mark) {
        let was_open = self.entries.get(key).is_some_and(Entry::is_open);
        let entry = Entry { seq, visited: true, body: Body::Mark(mark) };
        self.open = self.open + usize::from(entry.is_open()) - usize::from(was_open);
        self.entries.insert(key.clone(), entry);
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

impl Entry {
    fn visit(&mut self) -> Budget {
        if std::mem::replace(&mut self.visited, true) { Budget::ZERO } else { self.used() }
    }

    fn used(&self) -> Budget {
        match &self.body {
            Body::Work(work) => work.spent.plus(work.reserved()),
            Body::Mark(_) => Budget::ZERO,
        }
    }

    fn is_open(&self) -> bool {
        matches!(
            &self.body,
            Body::Work(Work { state: State::Open { .. }, .. }) | Body::Mark(Mark::Awaited)
        )
    }
}

impl Work {
    fn reserved(&self) -> Budget {
        match self.state {
            State::Open { reserved } => reserved,
            _ => Budget::ZERO,
        }
    }

    /// Ends the work and says how many open entries that closed.
    fn end(&mut self, state: State, spent: Budget) -> usize {
        self.spent = self.spent.plus(spent);
        let before = std::mem::replace(&mut self.state, state);
        usize::from(matches!(before, State::Open { .. }))
    }
}
