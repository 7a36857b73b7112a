use super::entry::{Body, Entry, Mark, State, Work};
use super::place::Place;
use super::{History, Spot};
use crate::budget::Budget;
use crate::error::RecordedError;
use crate::identity::{Digest, Key};
use crate::journal::Payload;
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
    fn of(place: &Place) -> Option<Self> {
        let key = place.key.clone();
        match &place.entry.as_ref()?.body {
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
        let entry = self.entry_mut(key)?;
        entry.visit();
        match &entry.body {
            Body::Mark(mark) => Some(mark.clone()),
            Body::Work(_) => None,
        }
    }

    /// A decision or signal, without coming by it.
    pub(crate) fn peek_mark(&self, key: &Key) -> Option<&Mark> {
        match &self.entry(key)?.body {
            Body::Mark(mark) => Some(mark),
            Body::Work(_) => None,
        }
    }

    /// The keys of all signals that are waited for, in order.
    pub(crate) fn awaited(&self) -> Vec<Key> {
        let awaited = |entry: &Entry| matches!(entry.body, Body::Mark(Mark::Awaited));
        let all = self.places.iter().filter(|place| place.entry.as_ref().is_some_and(awaited));
        let mut keys: Vec<Key> = all.map(|place| place.key.clone()).collect();
        keys.sort();
        keys
    }

    /// Whether an earlier process has recorded something inside `outer` that this one is not past:
    /// the code that wrote it has been here before. What comes from outside does not count.
    pub(crate) fn is_ahead(&self, outer: &Key) -> bool {
        self.entries_inside(outer).any(|entry| !entry.passed && entry.is_of_code())
    }

    /// Says that nobody will come by what lies inside `outer` and was not come by.
    pub(crate) fn pass_inside(&mut self, outer: &Key) {
        self.pass(outer, |_| true);
    }

    /// As [`pass_inside`](Self::pass_inside), but for one place and what lies inside of it.
    pub(crate) fn pass_inside_but(&mut self, outer: &Key, but: &Key) {
        self.pass(outer, |key| key != but && !key.is_inside(but));
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
        self.pass(place, of_attempt);
    }

    fn pass(&mut self, outer: &Key, which: impl Fn(&Key) -> bool) {
        let inside: Vec<Spot> = self.inside(outer).collect();
        for spot in inside {
            let place = &mut self.places[spot];
            if let Some(entry) = &mut place.entry
                && which(&place.key)
            {
                entry.passed = true;
            }
        }
    }

    /// The failure that was journaled first among the branches of the keyed children of `outer`.
    pub(crate) fn first_failure(&self, outer: &Key) -> Option<&RecordedError> {
        self.children_of(outer)
            .filter_map(|child| self.places[child].entry.as_ref())
            .filter_map(|entry| match &entry.body {
                Body::Work(Work { effect: None, state: State::Done(Err(error)), .. }) => {
                    Some((entry.seq, error))
                }
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
        let all = self.children_of(outer).flat_map(|child| self.at_and_inside(child));
        let mut open: Vec<Open> = all.filter_map(|spot| Open::of(&self.places[spot])).collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open
    }

    fn children_of(&self, outer: &Key) -> impl Iterator<Item = Spot> {
        let at = outer.as_str().len();
        let is_keyed = move |key: &Key| key.as_str().as_bytes().get(at) == Some(&b'[');
        let directly = self.directly_inside(outer).iter().copied();
        directly.filter(move |child| is_keyed(&self.places[*child].key))
    }

    /// What is open inside `outer`, in the order of its keys.
    pub(crate) fn open_inside(&self, outer: &Key) -> Vec<Open> {
        if self.open == 0 {
            return Vec::new();
        }
        let all = self.inside(outer).filter_map(|spot| Open::of(&self.places[spot]));
        let mut open: Vec<Open> = all.collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open
    }

    /// Everything used inside a place, where nothing inside it is open.
    pub(crate) fn settled_inside(&self, outer: Spot) -> Option<Budget> {
        let mut used = Budget::ZERO;
        for place in self.below(&self.places[outer].inside) {
            if self.places[place].is_open() {
                return None;
            }
            used = used.plus(self.places[place].used());
        }
        Some(used)
    }

    /// Everything used inside a place, reservations that are in doubt included.
    pub(crate) fn used_inside(&self, outer: Spot) -> Budget {
        let inside = self.below(&self.places[outer].inside);
        inside.fold(Budget::ZERO, |sum, spot| sum.plus(self.places[spot].used()))
    }

    /// What was used at and inside `outer`: what this process has not come by yet, and what it has.
    pub(crate) fn held_and_counted(&self, outer: &Key) -> (Budget, Budget) {
        let all = self.places.spot(outer.as_str()).into_iter();
        let entries = all
            .flat_map(|spot| self.at_and_inside(spot))
            .filter_map(|spot| self.places[spot].entry.as_ref());
        entries.fold((Budget::ZERO, Budget::ZERO), |(held, counted), entry| {
            if entry.visited {
                (held, counted.plus(entry.used()))
            } else {
                (held.plus(entry.used()), counted)
            }
        })
    }

    /// The steps with an effect inside `outer` that may have happened, and of which no success is known.
    pub(crate) fn in_doubt_inside(&self, outer: &Key) -> Vec<Key> {
        self.effects_inside(outer, Work::is_in_doubt)
    }

    /// The steps with an effect inside `outer` of which the output was withheld.
    pub(crate) fn withheld_inside(&self, outer: &Key) -> Vec<Key> {
        self.effects_inside(outer, |work| matches!(work.state, State::Withheld))
    }

    /// The steps inside `outer` that are not pure and of which this holds, in the order of their keys.
    fn effects_inside(&self, outer: &Key, holds: impl Fn(&Work) -> bool) -> Vec<Key> {
        let is_one = |place: &&Place| match place.entry.as_ref().map(|entry| &entry.body) {
            Some(Body::Work(work)) => {
                work.effect.is_some_and(|effect| effect != Effect::Pure) && holds(work)
            }
            _ => false,
        };
        let all = self.inside(outer).map(|spot| &self.places[spot]).filter(is_one);
        let mut keys: Vec<Key> = all.map(|place| place.key.clone()).collect();
        keys.sort();
        keys
    }

    /// The contexts inside `outer` whose shape is recorded, and no settlement without an attempt.
    pub(crate) fn unsettled_inside(&self, outer: &Key) -> Vec<(Key, Payload)> {
        let all = self.inside(outer).map(|spot| &self.places[spot]);
        let shapes = all.filter_map(|place| {
            let at = place.key.as_str().strip_suffix(":%shape")?;
            match self.peek_mark(&place.key)? {
                Mark::Decided(shape) => Some((Key::new(at), shape.clone())),
                _ => None,
            }
        });
        let is_settled = |at: &Key| {
            let settled = Key::new(&format!("{}:%settled", at.as_str()));
            matches!(self.peek_mark(&settled), Some(Mark::Decided(_)))
        };
        let mut unsettled: Vec<(Key, Payload)> = shapes.filter(|(at, _)| !is_settled(at)).collect();
        unsettled.sort_by(|(a, _), (b, _)| a.cmp(b));
        unsettled
    }

    /// Whether anything is recorded at or inside `outer`.
    pub(crate) fn has_entries(&self, outer: &Key) -> bool {
        self.entry(outer).is_some() || self.entries_inside(outer).next().is_some()
    }

    /// What the open step of this key has set aside.
    pub(crate) fn reserved(&self, key: &Key) -> Budget {
        match self.entry(key).map(|entry| &entry.body) {
            Some(Body::Work(work)) => work.reserved(),
            _ => Budget::ZERO,
        }
    }

    /// Whether something around this key has ended for good, with all that is inside of it.
    pub(crate) fn is_inside_ended(&self, key: &Key) -> bool {
        let mut inner = key.as_str();
        while let Some(at) = inner.rfind(Key::INSIDE) {
            inner = &inner[..at];
            if self.ended(inner) {
                return true;
            }
        }
        false
    }

    /// Whether any record is about this spot itself.
    pub(crate) fn is_recorded(&self, spot: Spot) -> bool {
        self.places[spot].entry.is_some()
    }

    /// Whether the step or branch of this key has ended for good. One whose output was withheld may be
    /// at work again.
    pub(crate) fn has_ended(&self, key: &Key) -> bool {
        self.ended(key.as_str())
    }

    /// The outputs of everything that is known to have succeeded, in no order.
    pub(crate) fn outputs(&self) -> Vec<(Key, Payload)> {
        self.places.iter().filter_map(Place::output).collect()
    }

    /// The outputs of what has succeeded at and inside `outer`, of that which this process has come by,
    /// in no order.
    pub(crate) fn outputs_come_by(&self, outer: &Key) -> Vec<(Key, Payload)> {
        let outer = self.places.spot(outer.as_str()).into_iter();
        let all = outer.flat_map(|spot| self.at_and_inside(spot)).map(|spot| &self.places[spot]);
        let come_by = all.filter(|place| place.entry.as_ref().is_some_and(|entry| entry.visited));
        come_by.filter_map(Place::output).collect()
    }

    fn ended(&self, key: &str) -> bool {
        let ended = |entry: &Entry| {
            matches!(entry.body, Body::Work(Work { state: State::Done(_) | State::Abandoned, .. }))
        };
        self.places.get(key).and_then(|place| place.entry.as_ref()).is_some_and(ended)
    }

    fn entries_inside(&self, outer: &Key) -> impl Iterator<Item = &Entry> {
        self.inside(outer).filter_map(|spot| self.places[spot].entry.as_ref())
    }

    /// Everything inside `outer`, in no order.
    fn inside(&self, outer: &Key) -> impl Iterator<Item = Spot> {
        self.below(self.directly_inside(outer))
    }

    fn at_and_inside(&self, outer: Spot) -> impl Iterator<Item = Spot> {
        std::iter::once(outer).chain(self.below(&self.places[outer].inside))
    }

    /// These places and all that lies inside of them.
    fn below(&self, these: &[Spot]) -> impl Iterator<Item = Spot> {
        let mut below = these.to_vec();
        std::iter::from_fn(move || {
            let spot = below.pop()?;
            below.extend(&self.places[spot].inside);
            Some(spot)
        })
    }

    fn directly_inside(&self, outer: &Key) -> &[Spot] {
        self.places.get(outer.as_str()).map_or(&[], |place| &place.inside)
    }
}
