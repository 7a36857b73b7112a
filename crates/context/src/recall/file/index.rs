use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::error::{Damage, FileRecallError};
use super::pack::{PackName, Place};
use crate::recall::{Handle, ShortHandle};

/// What this process knows of the packs.
#[derive(Debug, Default)]
pub(super) struct Index {
    packs: BTreeSet<PackName>,
    /// A text that was put again, because one place was damaged, has several.
    places: BTreeMap<Handle, Vec<(PackName, Place)>>,
    damaged: BTreeMap<PackName, PathBuf>,
    /// How many packs were found that somebody else put there, and how many of these are known to be
    /// durable.
    found: u64,
    durable: u64,
    /// When the directory was last changed, if a change since then is sure to be seen by its time.
    settled: Option<SystemTime>,
}

/// Coarser than the clock of any file system.
const TICK: Duration = Duration::from_secs(2);

impl Index {
    /// Whether the directory is as it was when it was last listed, as its time of change says.
    pub(super) fn is_settled(&self, changed: SystemTime) -> bool {
        self.settled == Some(changed)
    }

    /// Remembers the time of a change, read before the directory was listed. Another change within
    /// the same tick of the clock would not be seen by it.
    pub(super) fn settle(&mut self, changed: SystemTime, now: SystemTime) {
        let is_past = now.duration_since(changed).is_ok_and(|age| age > TICK);
        self.settled = is_past.then_some(changed);
    }

    /// Takes over what there is, and says which packs have to be read: those that are new, and those
    /// that were damaged, since they may have been put again.
    pub(super) fn take_in(&mut self, listed: Vec<PackName>) -> Vec<PackName> {
        let listed: BTreeSet<_> = listed.into_iter().collect();
        if !self.packs.is_subset(&listed) {
            self.packs.retain(|pack| listed.contains(pack));
            for places in self.places.values_mut() {
                places.retain(|(pack, _)| listed.contains(pack));
            }
            self.places.retain(|_, places| !places.is_empty());
        }
        self.damaged.clear();
        listed.difference(&self.packs).copied().collect()
    }

    pub(super) fn add(&mut self, pack: PackName, places: Vec<(Handle, Place)>) {
        if self.packs.insert(pack) {
            for (handle, place) in places {
                self.places
                    .entry(handle)
                    .or_insert_with(|| Vec::with_capacity(1))
                    .push((pack, place));
            }
        }
    }

    pub(super) fn add_found(&mut self, pack: PackName, places: Vec<(Handle, Place)>) {
        self.add(pack, places);
        self.found += 1;
    }

    pub(super) fn add_damaged(&mut self, pack: PackName, path: PathBuf) {
        self.damaged.insert(pack, path);
    }

    /// Where a text may be.
    pub(super) fn places(&self, handle: &Handle) -> Vec<(PackName, Place)> {
        self.places.get(handle).cloned().unwrap_or_default()
    }

    pub(super) fn handles(&self, short: ShortHandle) -> Vec<Handle> {
        self.places.range(short.range()).map(|(handle, _)| *handle).collect()
    }

    /// What keeps it from being told that a text is nowhere.
    pub(super) fn damage(&self) -> Result<(), FileRecallError> {
        match self.damaged.values().next() {
            None => Ok(()),
            Some(path) => {
                Err(FileRecallError::Damaged { path: path.clone(), damage: Damage::List })
            }
        }
    }

    /// How many packs of others have to be made durable, if any.
    pub(super) fn not_durable(&self) -> Option<u64> {
        (self.durable < self.found).then_some(self.found)
    }

    pub(super) fn made_durable(&mut self, found: u64) {
        self.durable = self.durable.max(found);
    }
}
