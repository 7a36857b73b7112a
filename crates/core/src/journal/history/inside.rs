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

impl Open {
    fn of(key: &Key, entry: &Entry) -> Option<Self> {
        let key = key.clone();
        match &entry.body {
            Body::Work(Work { effect, digest, state: State::Open { .. }, .. }) => {
                Some(Self { key, step: effect.map(|effect| (effect, *digest)), signal: false })
            }
            Body::Mark(Mark::Awaited) => Some(Self { key, step: None, signal: true }),
            _ => None,
        }
    }
}

impl History {
    /// A decision or signal, and the fact that this process has come by it.
    pub(crate) fn visit_mark(&mut self, key: &Key) -> Option<Mark> {
        let entry = self.entries.get_mut(key)?;
        entry.visit();
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

    /// Whether an earlier process has recorded something inside `outer` that this one is not past:
    /// the code that wrote it has been here before. What comes from outside does not count.
    pub(crate) fn is_ahead(&self, outer: &Key) -> bool {
        self.inside(outer).any(|(_, entry)| !entry.passed && entry.is_of_code())
    }

    /// Says that nobody will come by what lies inside `outer` and was not come by.
    pub(crate) fn pass_inside(&mut self, outer: &Key) {
        let keys: Vec<Key> = self.inside(outer).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.passed = true;
            }
        }
    }

    /// Says that an attempt is over: what it has decided inside `place` will not be decided again.
    pub(crate) fn pass_attempt(&mut self, place: &Key, suffix: &str) {
        let of_attempt = |key: &Key| {
            let attempts = key.as_str().rsplit_once('@').map(|(_, attempts)| attempts);
            attempts.is_some_and(|attempts| {
                let rest = attempts.strip_prefix(suffix);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let decided: Vec<Key> =
            self.inside(place).map(|(key, _)| key).filter(|key| of_attempt(key)).cloned().collect();
        for key in decided {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.passed = true;
            }
        }
    }

    /// The failure that was journaled first among the branches of the keyed children of `outer`.
    pub(crate) fn first_failure(&self, outer: &Key) -> Option<&RecordedError> {
        self.children_of(outer)
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

    /// What is open in the keyed children of `outer`, in the order of its keys.
    pub(crate) fn open_in_children(&self, outer: &Key) -> Vec<Open> {
        if self.open == 0 {
            return Vec::new();
        }
        let mut open: Vec<Open> = self
            .children_of(outer)
            .flat_map(|child| {
                self.entries.get_key_value(child).into_iter().chain(self.inside(child))
            })
            .filter_map(|(key, entry)| Open::of(key, entry))
            .collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open
    }

    fn children_of(&self, outer: &Key) -> impl Iterator<Item = &Key> {
        let at = outer.as_str().len();
        let directly = self.directly_inside(outer).iter();
        directly.filter(move |key| key.as_str().as_bytes().get(at) == Some(&b'['))
    }

    /// What is open inside `outer`, in the order of its keys.
    pub(crate) fn open_inside(&self, outer: &Key) -> Vec<Open> {
        if self.open == 0 {
            return Vec::new();
        }
        let all = self.inside(outer).filter_map(|(key, entry)| Open::of(key, entry));
        let mut open: Vec<Open> = all.collect();
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

    /// What was used at and inside `outer`: what this process has not come by yet, and what it has.
    pub(crate) fn held_and_counted(&self, outer: &Key) -> (Budget, Budget) {
        let here = self.entries.get_key_value(outer);
        let all = self.inside(outer).chain(here);
        all.fold((Budget::ZERO, Budget::ZERO), |(held, counted), (_, entry)| {
            if entry.visited {
                (held, counted.plus(entry.used()))
            } else {
                (held.plus(entry.used()), counted)
            }
        })
    }

    /// What the open step of this key has set aside.
    pub(crate) fn reserved(&self, key: &Key) -> Budget {
        match self.entries.get(key).map(|entry| &entry.body) {
            Some(Body::Work(work)) => work.reserved(),
            _ => Budget::ZERO,
        }
    }

    /// Whether something around this key has ended for good, with all that is inside of it.
    pub(crate) fn is_inside_ended(&self, key: &Key) -> bool {
        let mut inner = key.as_str();
        while let Some(at) = inner.rfind(Key::INSIDE) {
            inner = &inner[..at];
            let ended = |body: &Body| {
                matches!(body, Body::Work(Work { state: State::Done(_) | State::Abandoned, .. }))
            };
            if self.entries.get(inner).is_some_and(|entry| ended(&entry.body)) {
                return true;
            }
        }
        false
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
