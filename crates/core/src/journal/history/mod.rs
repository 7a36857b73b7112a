mod entry;
mod inside;
mod place;
mod places;
mod standing;

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Fact, JournalError, Record};
use crate::identity::{Key, RunId};
use entry::Entry;
pub(crate) use entry::Mark;
pub(crate) use inside::Open;
use places::Places;
pub(crate) use places::Spot;
pub(crate) use standing::{Standing, Visit};

/// What the records of a run amount to: a pure fold over them, kept up to date as new ones are
/// accepted. A record costs the same however many there are; what lies inside a branch is dropped
/// with its receipt, unless that was withheld.
#[derive(Debug, Default)]
pub(crate) struct History {
    started: Option<(RunId, Arc<str>)>,
    finished: bool,
    worked: Duration,
    accepted: u64,
    open: usize,
    /// Those of all keys that a record is about, of those around them, and of those at which
    /// somebody is.
    places: Places,
    /// Where something was last planted, which is often where the next one is.
    planted: Option<Spot>,
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
        for entry in history.places.iter_mut().filter_map(|place| place.entry.as_mut()) {
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

    /// How [`enter_hashed`](Self::enter_hashed) wants keys to be hashed.
    pub(crate) fn hashes(&self) -> &RandomState {
        self.places.hashes()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(crate) fn worked(&self) -> Duration {
        self.worked
    }

    /// Takes one record into account.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), &'static str> {
        let seq = self.count(record)?;
        match &record.fact {
            Fact::Started { run, name } => self.started = Some((run.clone(), name.clone())),
            Fact::Finished { .. } => self.finished = true,
            fact => {
                let spot = self.places.open(&record.key);
                return self.change(spot, seq, fact);
            }
        }
        Ok(())
    }

    /// As [`apply`](Self::apply), where the spot of the record's key is known.
    pub(crate) fn apply_at(&mut self, spot: Spot, record: &Record) -> Result<(), &'static str> {
        let seq = self.count(record)?;
        self.change(spot, seq, &record.fact)
    }

    fn count(&mut self, record: &Record) -> Result<u64, &'static str> {
        let seq = self.accepted;
        self.accepted += 1;
        self.worked = self.worked.max(record.worked);
        if self.started.is_none() != matches!(record.fact, Fact::Started { .. }) {
            return Err("a journal begins with the one record that names its run");
        }
        Ok(seq)
    }

    fn change(&mut self, spot: Spot, seq: u64, fact: &Fact) -> Result<(), &'static str> {
        let place = &mut self.places[spot];
        let (was_known, was_open) = (place.is_known(), place.is_open());
        place.apply(seq, fact, self.replaces_deliveries)?;
        self.open = self.open + usize::from(place.is_open()) - usize::from(was_open);
        if place.is_ended_branch() && !place.inside.is_empty() {
            // Nobody will come by it again.
            let inside = std::mem::take(&mut place.inside);
            self.forget(inside);
        }
        if !was_known {
            self.plant(spot);
        }
        Ok(())
    }

    /// Forgets places and what lies inside of them, but not that somebody is at one.
    fn forget(&mut self, mut below: Vec<Spot>) {
        while let Some(spot) = below.pop() {
            let place = &mut self.places[spot];
            self.open -= usize::from(place.is_open());
            below.append(&mut place.inside);
            place.entry = None;
            if !place.claimed {
                self.places.remove(spot);
            }
        }
    }

    /// Makes a place known to what it lies inside of, up to the root.
    fn plant(&mut self, mut spot: Spot) {
        while let Some(outer) = self.places[spot].key.parent() {
            let last = self.planted.filter(|last| self.places[*last].is_of(outer));
            let outer = match last.or_else(|| self.places.spot(outer)) {
                Some(outer) => outer,
                None => self.places.open(&Key::new(outer)),
            };
            self.planted = Some(outer);
            let place = &mut self.places[outer];
            let was_known = place.is_known();
            place.inside.push(spot);
            if was_known {
                return;
            }
            spot = outer;
        }
    }

    fn entry(&self, key: &Key) -> Option<&Entry> {
        self.places.get(key.as_str())?.entry.as_ref()
    }

    fn entry_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.places.get_mut(key.as_str())?.entry.as_mut()
    }
}
