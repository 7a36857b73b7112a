use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::content::Fate;
use super::tree::Id;
use super::{Dice, Forgets, Survival};

/// The entries of a directory, as they are read, as they are on the disk, and what lies between.
#[derive(Debug, Default)]
pub(super) struct Entries {
    cached: BTreeMap<OsString, Id>,
    durable: BTreeMap<OsString, Id>,
    pending: Vec<EntryChange>,
    doubtful: BTreeSet<OsString>,
}

#[derive(Debug)]
pub(super) enum EntryChange {
    Put(OsString, Id),
    Remove(OsString),
    Rename { from: OsString, to: OsString, id: Id },
}

impl Entries {
    pub(super) fn get(&self, name: &OsStr) -> Option<Id> {
        self.cached.get(name).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cached.is_empty()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.cached.keys().map(OsString::as_os_str)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.cached.values().copied()
    }

    pub(super) fn change(&mut self, change: EntryChange) {
        apply(&mut self.cached, &change);
        self.pending.push(change);
    }

    /// Writes what is pending, but for what the disk forgets; that stays pending.
    pub(super) fn sync(&mut self, forgets: Option<Forgets>) {
        let Self { cached, durable, pending, doubtful } = self;
        pending.retain(|change| {
            let forgotten = matches!(
                (forgets, change),
                (Some(Forgets::Renames), EntryChange::Rename { .. })
                    | (Some(Forgets::Removals), EntryChange::Remove(_))
            );
            if !forgotten {
                apply(durable, change);
            }
            forgotten
        });
        doubtful.retain(|name| cached.get(name) != durable.get(name));
    }

    /// Writes a part of what is pending, and takes the rest for written, as a file's content is.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        for change in self.pending.drain(..) {
            if dice.chance(1, 2) {
                apply(&mut self.durable, &change);
            }
        }
        let names = self.cached.keys().chain(self.durable.keys());
        let lost = names.filter(|name| self.cached.get(*name) != self.durable.get(*name));
        self.doubtful = lost.cloned().collect();
    }

    /// The names of which a sync that failed left something that is seen, and that no later sync
    /// writes.
    pub(super) fn doubtful(&self) -> &BTreeSet<OsString> {
        &self.doubtful
    }

    pub(super) fn crash(&mut self, survival: Survival, dice: &mut Dice) {
        if self.pending.is_empty() && self.doubtful.is_empty() {
            return;
        }
        let mut lost = false;
        let fate = Fate::draw(survival, self.pending.len(), dice);
        for (place, change) in self.pending.drain(..).enumerate() {
            if fate.keeps(place, dice) {
                apply(&mut self.durable, &change);
            } else {
                if let EntryChange::Rename { to, id, .. } = change
                    && (!lost || survival == Survival::Any)
                    && dice.chance(1, 4)
                {
                    // Within the rename both names lead to the file.
                    self.durable.insert(to, id);
                }
                lost = true;
            }
        }
        self.cached.clone_from(&self.durable);
        self.doubtful.clear();
    }
}

fn apply(entries: &mut BTreeMap<OsString, Id>, change: &EntryChange) {
    match change {
        EntryChange::Put(name, id) => drop(entries.insert(name.clone(), *id)),
        EntryChange::Remove(name) => drop(entries.remove(name)),
        EntryChange::Rename { from, to, id } => {
            entries.remove(from);
            entries.insert(to.clone(), *id);
        }
    }
}
