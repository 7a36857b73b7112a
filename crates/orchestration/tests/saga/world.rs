use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use maniple_core::{Key, MemoryJournal, Run, StepContext};

/// What is outside: which steps have happened and were not taken back, and what was done in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    standing: BTreeSet<String>,
    log: Vec<(String, Event)>,
    /// How often each action, and each undo, has begun.
    tries: BTreeMap<String, usize>,
    going: BTreeSet<String>,
    most: usize,
    violations: Vec<String>,
    /// What the journal has a receipt of.
    completed: BTreeSet<Key>,
}

/// What is seen of a step from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Begins,
    /// It has its effect.
    Happens,
    /// Its action answers.
    Answers,
    /// Its action says that it has not happened.
    Refuses,
    /// Its action is gone, with or without an answer.
    Ends,
    BeginsUndo,
    IsUndone,
    EndsUndo,
}

/// An action, or an undo, while it is at work.
pub(crate) struct Going(World, String, Event);

impl World {
    pub(crate) fn act(&self, name: &str) {
        let mut state = self.lock();
        state.standing.insert(name.to_owned());
        state.log.push((name.to_owned(), Event::Happens));
    }

    pub(crate) fn undo(&self, name: &str) {
        let mut state = self.lock();
        state.standing.remove(name);
        state.log.push((name.to_owned(), Event::IsUndone));
    }

    pub(crate) fn note(&self, name: &str, event: Event) {
        self.lock().log.push((name.to_owned(), event));
    }

    /// An action begins, or an undo: it is gone when this is dropped. The second is the number of the
    /// try, from 1.
    pub(crate) fn begin(&self, name: &str, begins: Event) -> (Going, usize) {
        let ends = if begins == Event::Begins { Event::Ends } else { Event::EndsUndo };
        let place = if begins == Event::Begins { name.to_owned() } else { format!("-{name}") };
        let mut state = self.lock();
        if !state.going.insert(place.clone()) {
            state.violations.push(format!("{place} runs twice at the same time"));
        }
        state.most = state.most.max(state.going.len());
        state.log.push((name.to_owned(), begins));
        let tries = state.tries.entry(place).or_default();
        *tries += 1;
        let tries = *tries;
        drop(state);
        (Going(self.clone(), name.to_owned(), ends), tries)
    }

    /// What must not be done again.
    pub(crate) fn complete(&self, keys: BTreeSet<Key>) {
        self.lock().completed = keys;
    }

    /// A step is at work.
    pub(crate) fn meet(&self, step: &StepContext) {
        let mut state = self.lock();
        if state.completed.contains(step.key()) {
            state.violations.push(format!("{} is done once more", step.key()));
        }
    }

    pub(crate) fn has_happened(&self, name: &str) -> bool {
        self.lock().log.contains(&(name.to_owned(), Event::Happens))
    }

    /// Something that should not be.
    pub(crate) fn violate(&self, what: String) {
        self.lock().violations.push(what);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// How many were at work at the same time, at most.
    pub(crate) fn most(&self) -> usize {
        self.lock().most
    }

    /// How many are at work.
    pub(crate) fn going(&self) -> usize {
        self.lock().going.len()
    }

    /// How often an action has begun; an undo has a `-` before its name.
    pub(crate) fn tries(&self, place: &str) -> usize {
        self.lock().tries.get(place).copied().unwrap_or(0)
    }

    /// What stands, in the order of the names.
    pub(crate) fn standing(&self) -> Vec<String> {
        self.lock().standing.iter().cloned().collect()
    }

    /// All that was seen, in order.
    pub(crate) fn seen(&self) -> Vec<(String, Event)> {
        self.lock().log.clone()
    }

    /// What was done and taken back, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = self.seen().into_iter();
        log.filter_map(|(name, event)| match event {
            Event::Happens => Some(name),
            Event::IsUndone => Some(format!("-{name}")),
            _ => None,
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let Self(world, name, ends) = self;
        let place = if *ends == Event::Ends { name.clone() } else { format!("-{name}") };
        let mut state = world.lock();
        state.going.remove(&place);
        state.log.push((name.clone(), *ends));
    }
}

pub(crate) async fn open(journal: &MemoryJournal) -> Run {
    Run::builder("saga").with_journal(journal.clone()).open().await.unwrap()
}
