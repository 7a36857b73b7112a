use std::cell::OnceCell;
use std::collections::HashMap;

use super::{Cause, Draft, Loss, Part, Reducer, Unit, UnitId};
use crate::error::ContextError;
use crate::hash::{hash, mix};

/// Drops what another unit says nearly word for word.
///
/// Two texts are near duplicates where the sets of their *shingles*, the runs of four words, have a
/// Jaccard similarity of at least 0.9 (A. Broder, *On the resemblance and containment of documents*,
/// 1997). The later one stays, or one that must, and the report names it. Candidates are found by
/// minimum hashes of one permutation in 64 bins (P. Li, A. Owen, C.-H. Zhang, *One Permutation
/// Hashing*, NIPS 2012), of which one of 16 bands of four must meet; then the sets themselves are
/// compared, so that nothing below the threshold goes. Of pairs above it, 0.9⁴ ≈ 0.66 a band are
/// found, so that all but four in a hundred million are.
///
/// Texts below 40 words, turns of the user and of the model, and what another reducer has changed
/// are left alone. Time and memory grow linearly with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearDuplicates;

const WORDS_IN_SHINGLE: usize = 4;
const FEWEST_WORDS: usize = 40;
const BINS: usize = 64;
const BANDS: usize = 16;
/// In hundredths.
const THRESHOLD: usize = 90;
/// How many earlier texts a text is compared to.
const MOST_COMPARED: usize = 8;

impl Reducer for NearDuplicates {
    fn name(&self) -> &'static str {
        "near-duplicates"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let sketches: Vec<Sketch<'_>> = draft.units().filter_map(Sketch::of).collect();
        let mut following = following(&sketches);
        let mut gone: Vec<Option<usize>> = vec![None; sketches.len()];
        // From the last to the first, so that the later of two stays.
        for (at, sketch) in sketches.iter().enumerate().rev() {
            let mut candidates: Vec<usize> = Vec::new();
            for following in &mut following {
                let mut here = at;
                for _ in 0..MOST_COMPARED {
                    // What has gone would only stand before what stays.
                    while let Some(next) = following[here].filter(|next| gone[*next].is_some()) {
                        following[here] = following[next];
                    }
                    let Some(next) = following[here] else { break };
                    candidates.push(next);
                    here = next;
                }
            }
            candidates.sort_unstable();
            candidates.dedup();
            for other in candidates {
                if gone[other].is_some() || !sketch.is_near(&sketches[other]) {
                    continue;
                }
                if !sketch.unit.is_kept() {
                    gone[at] = Some(other);
                    break;
                }
                if !sketches[other].unit.is_kept() {
                    gone[other] = Some(at);
                }
            }
        }
        let twins = sketches.iter().zip(gone);
        let dropped: Vec<(UnitId, UnitId)> = twins
            .filter_map(|(sketch, twin)| Some((sketch.unit.id(), sketches[twin?].unit.id())))
            .collect();
        dropped.into_iter().try_for_each(|(unit, twin)| draft.discard(unit, Cause::SimilarTo(twin)))
    }
}

/// By band, for each sketch the next one that has the same in it.
fn following(sketches: &[Sketch<'_>]) -> [Vec<Option<usize>>; BANDS] {
    std::array::from_fn(|band| {
        let mut last_of = HashMap::new();
        let mut following = vec![None; sketches.len()];
        for (at, sketch) in sketches.iter().enumerate().rev() {
            following[at] = last_of.insert(sketch.bands[band], at);
        }
        following
    })
}

/// What a unit says, as a set.
struct Sketch<'d> {
    unit: Unit<'d>,
    bands: [u64; BANDS],
    /// The hashes of its shingles, ordered and each once, as soon as it is compared: few units are,
    /// and the sets of all of them take more than their texts.
    shingles: OnceCell<Vec<u64>>,
}

impl<'d> Sketch<'d> {
    fn of(unit: Unit<'d>) -> Option<Self> {
        let is_turn = unit.segments().any(|segment| segment.kind().is_turn());
        if is_turn || !unit.parts().all(|part: Part<'_>| part.is_whole()) {
            return None;
        }
        let words = words(&unit);
        (words.len() >= FEWEST_WORDS).then(|| {
            let bands = bands(words.windows(WORDS_IN_SHINGLE).map(combine));
            Self { unit, bands, shingles: OnceCell::new() }
        })
    }

    fn shingles(&self) -> &[u64] {
        self.shingles.get_or_init(|| {
            let words = words(&self.unit);
            let mut shingles: Vec<u64> = words.windows(WORDS_IN_SHINGLE).map(combine).collect();
            shingles.sort_unstable();
            shingles.dedup();
            shingles
        })
    }

    fn is_near(&self, other: &Self) -> bool {
        let (mine, others) = (self.shingles(), other.shingles());
        let all = mine.len() + others.len();
        let (mut mine, mut others) = (mine.iter().peekable(), others.iter());
        let mut shared = 0;
        let mut next = others.next();
        while let (Some(one), Some(another)) = (mine.peek(), next) {
            match one.cmp(&another) {
                std::cmp::Ordering::Less => _ = mine.next(),
                std::cmp::Ordering::Greater => next = others.next(),
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    mine.next();
                    next = others.next();
                }
            }
        }
        shared * 100 >= (all - shared) * THRESHOLD
    }
}

/// The hashes of the words of a unit.
fn words(unit: &Unit<'_>) -> Vec<u64> {
    let words = unit.segments().flat_map(|segment| segment.text().split_whitespace());
    words.map(|word| hash(word.as_bytes())).collect()
}

/// The least shingle of each bin, by bands. A bin without any takes its neighbour's.
fn bands(shingles: impl Iterator<Item = u64>) -> [u64; BANDS] {
    let mut bins = [None; BINS];
    for shingle in shingles {
        #[expect(clippy::cast_possible_truncation, reason = "it is below the number of bins")]
        let bin = (shingle >> (u64::BITS - BINS.ilog2())) as usize;
        let least = bins[bin].get_or_insert(shingle);
        *least = shingle.min(*least);
    }
    let mut last = bins.iter().rev().flatten().next().copied().unwrap_or_default();
    let filled: [u64; BINS] = bins.map(|bin| {
        last = bin.unwrap_or(last);
        last
    });
    let rows = BINS / BANDS;
    std::array::from_fn(|band| combine(&filled[band * rows..(band + 1) * rows]))
}

fn combine(hashes: &[u64]) -> u64 {
    let mixed = hashes.iter().fold(0, |sum, next| mix(sum, *next));
    mixed ^ (mixed >> 29)
}
