use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use super::place::Place;
use crate::identity::Key;

/// All places, in blocks: they stay where they are as more come, and lie in the order in which they
/// came, so that neither growing nor going through them is slow.
#[derive(Debug, Default)]
pub(super) struct Places {
    spots: HashMap<Key, Spot>,
    blocks: Vec<Vec<Place>>,
    /// Of places that were removed.
    free: Vec<Spot>,
}

/// Where a place is, until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot(usize);

/// How many places a block holds.
const BLOCK: usize = 256;

impl Places {
    pub(super) fn spot(&self, key: &str) -> Option<Spot> {
        self.spots.get(key).copied()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Place> {
        self.spot(key).map(|spot| &self[spot])
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Place> {
        self.spot(key).map(|spot| &mut self[spot])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.spots.values().map(|spot| &self[*spot])
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.blocks.iter_mut().flatten()
    }

    /// The spot of this key's place, which is made where there is none.
    pub(super) fn open(&mut self, key: &Key) -> Spot {
        let Self { spots, blocks, free } = self;
        *spots.entry(key.clone()).or_insert_with_key(|key| {
            let place = Place::new(key.clone());
            if let Some(spot) = free.pop() {
                blocks[spot.0 / BLOCK][spot.0 % BLOCK] = place;
                return spot;
            }
            if blocks.last().is_none_or(|block| block.len() == BLOCK) {
                blocks.push(Vec::with_capacity(BLOCK));
            }
            let before = (blocks.len() - 1) * BLOCK;
            let last = blocks.last_mut().expect("one was pushed where there was none");
            last.push(place);
            Spot(before + last.len() - 1)
        })
    }

    pub(super) fn remove(&mut self, spot: Spot) -> Place {
        let place = std::mem::replace(&mut self[spot], Place::new(Key::new("")));
        self.spots.remove(&place.key);
        self.free.push(spot);
        place
    }
}

impl Index<Spot> for Places {
    type Output = Place;

    fn index(&self, spot: Spot) -> &Place {
        &self.blocks[spot.0 / BLOCK][spot.0 % BLOCK]
    }
}

impl IndexMut<Spot> for Places {
    fn index_mut(&mut self, spot: Spot) -> &mut Place {
        &mut self.blocks[spot.0 / BLOCK][spot.0 % BLOCK]
    }
}
