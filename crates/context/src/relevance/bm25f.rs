use std::ops::Range;

use super::bm25::{Fraction, rarity, saturation};
use super::passage::PassageList;
use super::terms::{Lists, Terms};
use crate::fixed::{self, FRACTION_BITS};

/// The passages of a context as terms, by themselves and as scenes.
///
/// A scene is what is read in one go: the passages of one segment, or the turns of a dialogue at one
/// time. Passages are ranked by BM25; scenes by BM25F, where the title is a field whose terms count
/// several times (S. Robertson, H. Zaragoza and M. Taylor, *Simple BM25 Extension to Multiple
/// Weighted Fields*, 2004).
pub(super) struct Corpus {
    pub(super) terms: Terms,
    /// What each passage says.
    pub(super) lists: Lists,
    /// The passages of each scene.
    pub(super) scenes: Vec<Range<usize>>,
    /// What the title of each scene says.
    pub(super) titles: Lists,
    passages: Level,
    of_scenes: Level,
}

/// How common terms are among the texts of one size.
struct Level {
    rarities: Vec<u64>,
    lengths: Vec<u64>,
    length: u64,
}

const FEW: u64 = 32;
/// How often a term of the title counts.
const TITLE_WEIGHT: u32 = 2;

impl Corpus {
    pub(super) fn new(passages: PassageList<'_, '_>) -> Self {
        let mut terms = Terms::new();
        let mut lists = Lists::with_capacity(passages.len());
        let mut found = Vec::new();
        for passage in passages.iter() {
            found.clear();
            terms.read(passage.text, &mut found);
            lists.push(&mut found);
        }
        let scenes = scenes(passages);
        let mut titles = Lists::with_capacity(scenes.len());
        for scene in &scenes {
            found.clear();
            terms.read(passages.get(scene.start).title, &mut found);
            titles.push(&mut found);
        }
        terms.forget_words();
        lists.shrink();
        titles.shrink();
        let each = (0..passages.len()).map(|index| index..index + 1);
        let of_passages = Level::new(&lists, each, None, terms.len());
        let of_scenes = Level::new(&lists, scenes.iter().cloned(), Some(&titles), terms.len());
        Self { terms, lists, scenes, titles, passages: of_passages, of_scenes }
    }

    /// How rare a term is among the passages, in 2⁻¹⁶ bit.
    pub(super) fn rarity(&self, term: u32) -> u64 {
        self.passages.rarities[term as usize]
    }

    /// How rare a term is among the scenes, in 2⁻¹⁶ bit.
    pub(super) fn rarity_in_scenes(&self, term: u32) -> u64 {
        self.of_scenes.rarities[term as usize]
    }

    /// For each passage, what its scene has.
    pub(super) fn spread<'v>(&'v self, of_scenes: &'v [u64]) -> impl Iterator<Item = u64> + 'v {
        let each = self.scenes.iter().zip(of_scenes);
        each.flat_map(|(scene, value)| scene.clone().map(|_| *value))
    }

    /// The scene of a passage.
    pub(super) fn scene_of(&self, passage: usize) -> usize {
        self.scenes.partition_point(|scene| scene.end <= passage)
    }

    /// The rank of each passage by its own terms.
    pub(super) fn rank_passages(&self, emphasis: &Emphasis) -> Vec<u64> {
        let score = |(index, said): (usize, &[_])| {
            let counts = said.iter().map(|said: &super::terms::Said| (said.term, said.count));
            self.passages.score(index, counts, emphasis)
        };
        self.lists.iter().enumerate().map(score).collect()
    }

    /// The rank of each scene by what its passages and its title say together.
    pub(super) fn rank_scenes(&self, emphasis: &Emphasis) -> Vec<u64> {
        let mut counts = vec![0_u32; self.terms.len()];
        let mut seen = Vec::new();
        let mut scores = Vec::with_capacity(self.scenes.len());
        for (index, scene) in self.scenes.iter().enumerate() {
            let passages = scene.clone().flat_map(|passage| self.lists.get(passage));
            let passages = passages.map(|said| (said.term, said.count));
            let title = self.titles.get(index).iter();
            let title = title.map(|said| (said.term, said.count.saturating_mul(TITLE_WEIGHT)));
            for (term, count) in passages.chain(title) {
                if emphasis.of(term) > 0 {
                    seen.push(term);
                    let sum = &mut counts[term as usize];
                    *sum = sum.saturating_add(count);
                }
            }
            let drained = seen.drain(..);
            let each = drained.map(|term| (term, std::mem::take(&mut counts[term as usize])));
            scores.push(self.of_scenes.score(index, each, emphasis));
        }
        scores
    }
}

impl Level {
    fn new(
        lists: &Lists,
        texts: impl ExactSizeIterator<Item = Range<usize>>,
        titles: Option<&Lists>,
        terms: usize,
    ) -> Self {
        let mut frequencies = vec![0_u64; terms];
        let mut latest = vec![usize::MAX; terms];
        let mut lengths = Vec::with_capacity(texts.len());
        for (index, text) in texts.enumerate() {
            let mut length = 0;
            let title = titles.map_or(&[][..], |titles| titles.get(index));
            for said in text.flat_map(|passage| lists.get(passage)).chain(title) {
                length += u64::from(said.count);
                if latest[said.term as usize] != index {
                    latest[said.term as usize] = index;
                    frequencies[said.term as usize] += 1;
                }
            }
            lengths.push(length);
        }
        let count = lengths.len() as u64;
        // Most terms are in few texts, and a logarithm is slow.
        let few: Vec<u64> = (0..FEW).map(|frequency| rarity(count, frequency)).collect();
        let of = |frequency: u64| match usize::try_from(frequency).ok().and_then(|at| few.get(at)) {
            Some(known) => *known,
            None => rarity(count, frequency),
        };
        let rarities = frequencies.into_iter().map(of).collect();
        Self { rarities, length: lengths.iter().sum(), lengths }
    }

    /// Terms that come up again with a count of 0 add nothing.
    fn score(
        &self,
        index: usize,
        counts: impl Iterator<Item = (u32, u32)>,
        emphasis: &Emphasis,
    ) -> u64 {
        let norm = Fraction {
            numerator: u128::from(self.lengths[index]) * self.lengths.len() as u128,
            denominator: self.length.max(1).into(),
        };
        let gains = counts.filter_map(|(term, count)| {
            let weight = emphasis.of(term);
            let rarity = self.rarities[term as usize];
            (weight > 0).then(|| {
                ((rarity * weight) >> FRACTION_BITS).saturating_mul(saturation(count, &norm))
            })
        });
        gains.fold(0, u64::saturating_add)
    }
}

/// How much each term of a corpus counts, in 2⁻¹⁶ and at most one; by default nothing.
pub(super) struct Emphasis(Vec<u64>);

impl Emphasis {
    pub(super) fn new(terms: usize) -> Self {
        Self(vec![0; terms])
    }

    /// That all of these terms count fully.
    pub(super) fn of_all(terms: usize, wanted: impl IntoIterator<Item = u32>) -> Self {
        let mut emphasis = Self::new(terms);
        for term in wanted {
            emphasis.set(term, fixed::ONE);
        }
        emphasis
    }

    pub(super) fn set(&mut self, term: u32, weight: u64) {
        self.0[term as usize] = weight;
    }

    pub(super) fn of(&self, term: u32) -> u64 {
        self.0[term as usize]
    }
}

/// Where one scene ends and the next begins.
fn scenes(passages: PassageList<'_, '_>) -> Vec<Range<usize>> {
    let mut scenes: Vec<Range<usize>> = Vec::new();
    let mut before = None;
    for (index, passage) in passages.iter().enumerate() {
        let goes_on = before.replace(passage).is_some_and(|before| {
            let dialogue = !before.speaker.is_empty() && !passage.speaker.is_empty();
            before.segment == passage.segment || (dialogue && before.time == passage.time)
        });
        match scenes.last_mut() {
            Some(scene) if goes_on => scene.end = index + 1,
            _ => scenes.push(index..index + 1),
        }
    }
    scenes
}
