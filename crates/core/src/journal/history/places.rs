use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::{Index, IndexMut};

use super::place::Place;
use crate::identity::Key;

/// All places, in blocks: they stay where they are as more come, and lie in the order in which they
/// came, so that neither growing nor going through them is slow.
#[derive(Debug, Default)]
pub(super) struct Places {
    hashes: RandomState,
    /// By the hash of the key, so that growing hashes nothing again. Of those with one hash it is the
    /// one that came last, and each knows the one before.
    spots: HashMap<u64, Spot, BuildHasherDefault<Hashed>>,
    blocks: Vec<Vec<Place>>,
    /// Of places that were removed.
    free: Vec<Spot>,
}

/// Where a place is, until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot(u32);

/// How many places a block holds.
const BLOCK: usize = 256;

impl Places {
    /// How the keys are hashed, for who looks one up under a lock and hashes it before.
    pub(super) fn hashes(&self) -> &RandomState {
        &self.hashes
    }

    pub(super) fn spot(&self, key: &str) -> Option<Spot> {
        self.spot_of(self.hashes.hash_one(key), key)
    }

    fn spot_of(&self, hash: u64, key: &str) -> Option<Spot> {
        let mut spot = self.spots.get(&hash).copied();
        while let Some(here) = spot {
            let place = &self[here];
            if place.key.as_str() == key {
                break;
            }
            spot = place.same_hash;
        }
        spot
    }

    pub(super) fn get(&self, key: &str) -> Option<&Place> {
        self.spot(key).map(|spot| &self[spot])
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Place> {
        self.spot(key).map(|spot| &mut self[spot])
    }

    /// All places, and room of those that were removed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.blocks.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.blocks.iter_mut().flatten()
    }

    /// The spot of this key's place, which is made where there is none.
    pub(super) fn open(&mut self, key: &Key) -> Spot {
        self.open_at(self.hashes.hash_one(key.as_str()), key)
    }

    /// As [`open`](Self::open), with the hash of the key.
    pub(super) fn open_at(&mut self, hash: u64, key: &Key) -> Spot {
        if let Some(spot) = self.spot_of(hash, key.as_str()) {
            return spot;
        }
        let place = Place::new(key.clone(), hash);
        let spot = match self.free.pop() {
            Some(spot) => {
                self[spot] = place;
                spot
            }
            None => self.push(place),
        };
        self[spot].same_hash = self.spots.insert(hash, spot);
        spot
    }

    fn push(&mut self, place: Place) -> Spot {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let last = self.blocks.last_mut().expect("one was pushed where there was none");
        let spot = before + last.len();
        last.push(place);
        Spot(u32::try_from(spot).expect("memory does not hold so many places"))
    }

    pub(super) fn remove(&mut self, spot: Spot) {
        let Place { hash, same_hash, .. } =
            std::mem::replace(&mut self[spot], Place::new(Key::new(""), 0));
        let last = self.spots.get(&hash).copied();
        if last == Some(spot) {
            match same_hash {
                Some(before) => self.spots.insert(hash, before),
                None => self.spots.remove(&hash),
            };
        } else {
            let mut chain = std::iter::successors(last, |spot| self[*spot].same_hash);
            let after = chain.find(|after| self[*after].same_hash == Some(spot));
            if let Some(after) = after {
                self[after].same_hash = same_hash;
            }
        }
        self.free.push(spot);
    }
}

/// What is hashed already.
#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Nobody comes by here: what is looked up is a `u64`.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Index<Spot> for Places {
    type Output = Place;

    fn index(&self, Spot(spot): Spot) -> &Place {
        let spot = spot as usize;
        &self.blocks[spot / BLOCK][spot % BLOCK]
    }
}

impl IndexMut<Spot> for Places {
    fn index_mut(&mut self, Spot(spot): Spot) -> &mut Place {
        let spot = spot as usize;
        &mut self.blocks[spot / BLOCK][spot % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_whose_keys_have_one_hash_are_told_apart() {
        let keys = ["/a", "/b", "/c"].map(Key::new);
        // Each is removed first once, and takes its room with it.
        for gone in 0..keys.len() {
            let mut places = Places::default();
            let spots = keys.each_ref().map(|key| places.open_at(7, key));
            assert_eq!(keys.each_ref().map(|key| places.open_at(7, key)), spots);
            places.remove(spots[gone]);
            for (i, key) in keys.iter().enumerate() {
                let expected = if i == gone { None } else { Some(spots[i]) };
                assert_eq!(places.spot_of(7, key.as_str()), expected);
            }
            assert_eq!(places.open_at(7, &keys[gone]), spots[gone], "the room is used again");
            assert_eq!(keys.each_ref().map(|key| places.open_at(7, key)), spots);
        }
    }
}
