use super::History;
use super::entry::{Body, Entry, Mark, State, Work};
use crate::budget::Budget;
use crate::error::RecordedError;
use crate::identity::{Digest, Key};
use crate::journal::Outcome;
use crate::step::Effect;

/// An entry that no receipt has closed.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) key: Key,
    /// The effect and digest of a step; `None` for a branch, or a signal that is waited for.
    pub(crate) step: Option<(Effect, Digest)>,
    pub(crate) signal: bool,
}

impl History {
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

    /// The keys of all signals that are waited for, in order.
    pub(crate) fn awaited(&self) -> Vec<Key> {
        let awaited = |entry: &Entry| matches!(entry.body, Body::Mark(Mark::Awaited));
        let all = self.entries.iter().filter(|(_, entry)| awaited(entry));
        let mut keys: Vec<Key> = all.map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys
    }

    /// Whether an earlier process has recorded something inside `outer` that this one has not come
    /// by: the code that wrote it has passed this point before.
    pub(crate) fn is_ahead(&self, outer: &Key) -> bool {
        self.inside(outer).any(|(_, entry)| !entry.visited)
    }

    /// The failure that was journaled first among the branches directly inside `outer`.
    pub(crate) fn first_failure(&self, outer: &Key) -> Option<&RecordedError> {
        self.directly_inside(outer)
            .iter()
            .filter_map(|key| self.entries.get(key))
            .filter_map(|entry| match &entry.body {
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
        let mut open: Vec<Open> = self
            .inside(outer)
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
            .collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open
    }

    /// Everything used inside `outer`, where nothing inside it is open.
    pub(crate) fn settled_inside(&self, outer: &Key) -> Option<Budget> {
        let mut used = Budget::ZERO;
        for (_, entry) in self.inside(outer) {
            if entry.is_open() {
                return None;
            }
            used = used.plus(entry.used());
        }
        Some(used)
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

    /// Everything inside `outer`, in no order.
    pub(super) fn inside(&self, outer: &Key) -> impl Iterator<Item = (&Key, &Entry)> {
        let mut below: Vec<&Key> = self.directly_inside(outer).iter().collect();
        std::iter::from_fn(move || {
            let key = below.pop()?;
            below.extend(self.directly_inside(key));
            Some(key)
        })
        .filter_map(|key| self.entries.get_key_value(key))
    }

    fn directly_inside(&self, outer: &Key) -> &[Key] {
        self.tree.get(outer).map_or(&[], Vec::as_slice)
    }
}
