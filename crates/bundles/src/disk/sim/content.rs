use std::ops::Range;

use super::{Dice, Survival};

/// What a disk writes whole or tears.
const SECTOR_BYTES: usize = 512;

/// What a file says to who reads it, what of it is on the disk, and what lies between the two.
///
/// Files are large and what is done to them is small, so nothing that is done often copies one:
/// only a crash that finds something unsynced does.
#[derive(Debug, Default)]
pub(super) struct Content {
    cached: Vec<u8>,
    disk: Sectors,
    pending: Vec<Change>,
    /// The sectors that are pending, one behind the other.
    images: Vec<u8>,
    doubt: bool,
}

#[derive(Debug)]
enum Change {
    /// A sector as it was in the cache after it was written to, and where its image is.
    Sector {
        at: usize,
        image: Range<usize>,
    },
    Len(usize),
}

impl Content {
    pub(super) fn cached(&self) -> &[u8] {
        &self.cached
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let before = self.cached.len();
        self.cached.resize(before.max(end), 0);
        self.cached[offset..end].copy_from_slice(bytes);
        let mut at = offset - offset % SECTOR_BYTES;
        while at < end {
            let image = self.images.len();
            let sector = at..self.cached.len().min(at + SECTOR_BYTES);
            self.images.extend_from_slice(&self.cached[sector]);
            self.pending.push(Change::Sector { at, image: image..self.images.len() });
            let grown = end.min(at + SECTOR_BYTES);
            if grown > before {
                self.pending.push(Change::Len(grown));
            }
            at += SECTOR_BYTES;
        }
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.cached.resize(len, 0);
        self.pending.push(Change::Len(len));
    }

    pub(super) fn sync(&mut self) {
        self.pending.drain(..).for_each(|change| self.disk.apply(&change, &self.images));
        self.settle();
        // Otherwise they are the same, which is not worth reading the whole file for.
        self.doubt = self.doubt && self.disk.bytes != self.cached;
    }

    /// Writes what is pending, but for the length that the file has.
    pub(super) fn sync_without_len(&mut self) {
        let mut resized = false;
        for change in self.pending.drain(..) {
            match change {
                Change::Len(_) => resized = true,
                sector @ Change::Sector { .. } => self.disk.apply(&sector, &self.images),
            }
        }
        self.images.clear();
        if resized {
            self.pending.push(Change::Len(self.cached.len()));
        }
    }

    /// Writes a part of what is pending, and takes the rest for written, as Linux does after an
    /// error: who reads still sees it, but no later sync writes it.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        for change in self.pending.drain(..) {
            if dice.chance(1, 2) {
                self.disk.apply(&change, &self.images);
            }
        }
        self.settle();
        self.doubt = self.disk.bytes != self.cached;
    }

    /// Whether a sync that failed left something that is seen, and that no later sync writes.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt
    }

    /// Forgets the cache. Returns whether what is left could be what a disk leaves that writes in
    /// the order in which it was asked.
    pub(super) fn crash(&mut self, survival: Survival, dice: &mut Dice) -> bool {
        if self.pending.is_empty() && !self.doubt {
            return true;
        }
        let mut in_order = true;
        let mut lost = false;
        let fate = Fate::draw(survival, self.pending.len(), dice);
        for (place, change) in self.pending.drain(..).enumerate() {
            if fate.keeps(place, dice) {
                in_order &= !lost;
                self.disk.apply(&change, &self.images);
            } else {
                if let Change::Sector { at, image } = &change
                    && (!lost || survival == Survival::Any)
                    && dice.chance(1, 2)
                {
                    in_order &= !lost;
                    let torn = image.start..image.start + dice.up_to(image.len());
                    self.disk.tear(*at, &self.images[torn]);
                }
                lost = true;
            }
        }
        self.settle();
        self.cached.clone_from(&self.disk.bytes);
        self.doubt = false;
        in_order
    }

    fn settle(&mut self) {
        self.images.clear();
        self.disk.settle();
    }
}

/// What a crash keeps of a list of changes.
#[derive(Debug)]
pub(super) enum Fate {
    First(usize),
    /// Each with this chance, in eighths.
    Each(u64),
}

impl Fate {
    pub(super) fn draw(survival: Survival, changes: usize, dice: &mut Dice) -> Self {
        match survival {
            Survival::InOrder => Self::First(dice.up_to(changes)),
            Survival::Any => Self::Each(dice.below(9)),
        }
    }

    pub(super) fn keeps(&self, place: usize, dice: &mut Dice) -> bool {
        match self {
            Self::First(kept) => place < *kept,
            Self::Each(eighths) => dice.chance(*eighths, 8),
        }
    }
}

/// The disk's sectors of a file, and how much of them belongs to it.
#[derive(Debug, Default)]
struct Sectors {
    bytes: Vec<u8>,
    len: usize,
}

impl Sectors {
    fn apply(&mut self, change: &Change, images: &[u8]) {
        match change {
            Change::Sector { at, image } => self.put(*at, &images[image.clone()]),
            Change::Len(len) => {
                self.bytes.truncate(*len);
                self.len = *len;
            }
        }
    }

    /// The beginning of a sector reaches the disk, and the length with it.
    fn tear(&mut self, at: usize, bytes: &[u8]) {
        self.put(at, bytes);
        if !bytes.is_empty() {
            self.len = self.len.max(at + bytes.len());
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[at..end].copy_from_slice(bytes);
    }

    /// What lies behind the length is gone, and what was never written is zeros.
    fn settle(&mut self) {
        self.bytes.resize(self.len, 0);
    }
}
