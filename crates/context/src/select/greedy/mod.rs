use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::fixed;

/// What a selection takes whole or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Candidate<'f> {
    /// What it takes of the room.
    pub cost: u64,
    /// What it is worth whatever else is chosen.
    pub value: u64,
    /// The features that it covers, each at most once in the list.
    pub covers: &'f [Cover],
}

/// That a candidate covers a feature: an identifier that it names, a term that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cover {
    /// The feature, by its place among the weights given to [`Greedy::with_features`]. A feature
    /// without a weight is worth nothing.
    pub feature: u32,
    /// How often what is left of the feature's weight is halved.
    pub halvings: u32,
}

impl Cover {
    /// Covers half of what is left of the feature.
    pub fn once(feature: u32) -> Self {
        Self { feature, halvings: 1 }
    }

    /// Covers all of the feature, so that no other candidate gains by it.
    pub fn whole(feature: u32) -> Self {
        Self { feature, halvings: u64::BITS }
    }
}

/// Chooses candidates that together are worth much and fit a room.
///
/// A choice is worth the values of its candidates and, of each feature, what their halvings take
/// from its weight. That is a monotone submodular function: what a candidate adds never grows with
/// what was chosen before it. Greedily the candidate that adds most for its cost is taken, as long
/// as it fits, and what it adds is only worked out anew when it comes up (M. Minoux, *Accelerated
/// Greedy Algorithms for Maximizing Submodular Set Functions*, 1978). If one candidate alone is
/// worth more than all that were taken so, it is taken first instead; by that the choice is worth
/// at least (1 − 1/e) / 2 of the best that fits (J. Leskovec et al., *Cost-effective Outbreak
/// Detection in Networks*, 2007). Nothing that is left out would still fit.
///
/// Equal candidates are taken by their order, and everything is whole numbers, so the same
/// candidates give the same choice everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Greedy<'w> {
    room: u64,
    weights: &'w [u64],
    exponent: u64,
}

const EXPONENT_ONE: u64 = 16;

impl<'w> Greedy<'w> {
    /// Chooses what costs no more than `room`.
    pub fn new(room: u64) -> Self {
        Self { room, weights: &[], exponent: EXPONENT_ONE }
    }

    /// What each feature is worth. The default is none.
    pub fn with_features(self, weights: &'w [u64]) -> Self {
        Self { weights, ..self }
    }

    /// Takes what adds most for its cost to the power of `exponent` / 16. The default is 16; less
    /// favours the larger candidates, for values that say little of what is in them, and gives the
    /// bound up (H. Lin and J. Bilmes, *Multi-document Summarization via Budgeted Maximization of
    /// Submodular Functions*, 2010).
    pub fn with_cost_exponent(self, exponent: u8) -> Self {
        Self { exponent: exponent.into(), ..self }
    }

    /// Which of the candidates to keep: all that are `kept` already, at no cost to the room, and
    /// what was chosen beside them. Where `kept` is shorter, the rest is not kept.
    pub fn choose(&self, candidates: &[Candidate<'_>], kept: &[bool]) -> Vec<bool> {
        let mut chosen = vec![false; candidates.len()];
        let mut choice = Choice { left: self.weights.to_vec(), room: self.room };
        for (index, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
            if let Some(candidate) = candidates.get(index) {
                chosen[index] = true;
                choice.cover(candidate);
            }
        }
        let best = (0..candidates.len())
            .filter(|&index| !chosen[index] && candidates[index].cost <= self.room)
            .map(|index| (choice.gain(&candidates[index]), Reverse(index)))
            .max();
        let (filled, worth) = self.fill(candidates, chosen.clone(), choice.clone());
        match best {
            Some((gain, Reverse(index))) if gain > worth => {
                chosen[index] = true;
                choice.take(&candidates[index]);
                self.fill(candidates, chosen, choice).0
            }
            _ => filled,
        }
    }

    /// Takes what fits beside what is chosen, and says what that adds.
    fn fill(
        &self,
        candidates: &[Candidate<'_>],
        mut chosen: Vec<bool>,
        mut choice: Choice,
    ) -> (Vec<bool>, u64) {
        let mut entries = Vec::with_capacity(candidates.len());
        let open = (0..candidates.len()).filter(|&index| !chosen[index]);
        entries.extend(open.map(|index| self.entry(&choice, &candidates[index], index)));
        let mut heap: BinaryHeap<Entry> = entries.into();
        let mut worth = 0_u64;
        while let Some(entry) = heap.pop() {
            let index = entry.index.0;
            let candidate = &candidates[index];
            if candidate.cost > choice.room {
                continue;
            }
            if !candidate.covers.is_empty() {
                let now = self.entry(&choice, candidate, index);
                if heap.peek().is_some_and(|next| *next > now) {
                    heap.push(now);
                    continue;
                }
            }
            worth = worth.saturating_add(choice.gain(candidate));
            choice.take(candidate);
            chosen[index] = true;
        }
        (chosen, worth)
    }

    fn entry(&self, choice: &Choice, candidate: &Candidate<'_>, index: usize) -> Entry {
        let cost = log2(candidate.cost) * self.exponent / EXPONENT_ONE;
        let gain = choice.gain(candidate);
        // What adds nothing comes last.
        let density =
            if gain == 0 { i64::MIN } else { log2(gain).cast_signed() - cost.cast_signed() };
        Entry { density, index: Reverse(index) }
    }
}

/// Ordered by what is to be taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    density: i64,
    index: Reverse<usize>,
}

#[derive(Clone)]
struct Choice {
    /// What is left of each feature's weight.
    left: Vec<u64>,
    room: u64,
}

impl Choice {
    fn gain(&self, candidate: &Candidate<'_>) -> u64 {
        let covered = candidate.covers.iter().filter_map(|cover| {
            let left = *self.left.get(cover.feature as usize)?;
            Some(left - halved(left, cover.halvings))
        });
        covered.fold(candidate.value, u64::saturating_add)
    }

    fn take(&mut self, candidate: &Candidate<'_>) {
        self.cover(candidate);
        self.room -= candidate.cost;
    }

    fn cover(&mut self, candidate: &Candidate<'_>) {
        for cover in candidate.covers {
            if let Some(left) = self.left.get_mut(cover.feature as usize) {
                *left = halved(*left, cover.halvings);
            }
        }
    }
}

fn halved(weight: u64, times: u32) -> u64 {
    weight.checked_shr(times).unwrap_or(0)
}

fn log2(number: u64) -> u64 {
    fixed::log2(u128::from(number) << 32)
}

#[cfg(test)]
mod tests;
