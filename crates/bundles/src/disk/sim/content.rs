use super::{Dice, Survival};

/// What a disk writes whole or tears.
const SECTOR_BYTES: usize = 512;

/// What a file says to who reads it, what of it is on the disk, and what lies between the two.
#[derive(Debug, Default)]
pub(super) struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    doubt: bool,
}

#[derive(Debug)]
enum Change {
    /// A sector as it was in the cache after it was written to.
    Sector {
        at: usize,
        bytes: Vec<u8>,
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
            let image = &self.cached[at..self.cached.len().min(at + SECTOR_BYTES)];
            self.pending.push(Change::Sector { at, bytes: image.to_vec() });
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
        let mut disk = Applied::to(&self.durable);
        self.pending.drain(..).for_each(|change| disk.apply(&change));
        self.durable = disk.visible();
        self.doubt = self.durable != self.cached;
    }

    /// Writes a part of what is pending, and takes the rest for written, as Linux does after an
    /// error: who reads still sees it, but no later sync writes it.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        let mut disk = Applied::to(&self.durable);
        for change in self.pending.drain(..) {
            if dice.chance(1, 2) {
                disk.apply(&change);
            }
        }
        self.durable = disk.visible();
        self.doubt = self.durable != self.cached;
    }

    /// Whether a sync that failed left something that is seen, and that no later sync writes.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt
    }

    /// Forgets the cache. Returns whether what is left could be what a disk leaves that writes in
    /// the order in which it was asked.
    pub(super) fn crash(&mut self, survival: Survival, dice: &mut Dice) -> bool {
        let mut disk = Applied::to(&self.durable);
        let mut in_order = true;
        let mut lost = false;
        let fate = Fate::draw(survival, self.pending.len(), dice);
        for (place, change) in self.pending.drain(..).enumerate() {
            if fate.keeps(place, dice) {
                in_order &= !lost;
                disk.apply(&change);
            } else {
                if let Change::Sector { at, bytes } = &change
                    && (!lost || survival == Survival::Any)
                    && dice.chance(1, 2)
                {
                    in_order &= !lost;
                    disk.tear(*at, &bytes[..dice.up_to(bytes.len())]);
                }
                lost = true;
            }
        }
        self.durable = disk.visible();
        self.cached.clone_from(&self.durable);
        self.doubt = false;
        in_order
    }

    /// Changes what is on the disk, as someone does who repairs it.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        self.durable.clone_from(&bytes);
        self.cached = bytes;
        self.pending.clear();
        self.doubt = false;
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
struct Applied {
    sectors: Vec<u8>,
    len: usize,
}

impl Applied {
    fn to(durable: &[u8]) -> Self {
        Self { sectors: durable.to_vec(), len: durable.len() }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Sector { at, bytes } => self.put(*at, bytes),
            Change::Len(len) => {
                self.sectors.truncate(*len);
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
        self.sectors.resize(self.sectors.len().max(end), 0);
        self.sectors[at..end].copy_from_slice(bytes);
    }

    fn visible(mut self) -> Vec<u8> {
        self.sectors.resize(self.len, 0);
        self.sectors
    }
}
