//! The second hop: what the best passages lead to.
//!
//! What is asked about is often named only in passing where the question finds it, and told
//! elsewhere. So the terms of the best passages are asked for as well (pseudo-relevance feedback: J.
//! Rocchio, 1971; V. Lavrenko and W. B. Croft, *Relevance-Based Language Models*, 2001), and the
//! titles that they name; and the titles of the best scenes, which others may name.

use std::cmp::Reverse;

use super::bm25f::{Corpus, Emphasis};
use super::evidence::{LogWorth, shares};
use super::terms::Said;
use crate::fixed::{FRACTION_BITS, ONE, share};

/// How many passages are taken for good ones.
const HITS: usize = 8;
/// How many of their terms are asked for.
const TERMS: usize = 30;
/// How many scenes are taken for good ones.
const SCENES: usize = 3;

/// In eighths of a bit.
const SAYS_TERMS: i64 = 12;
const IS_NAMED: i64 = 16;
const NAMES_TITLE: i64 = 6;

/// Adds what the best passages by `worth` so far lead to, and the best scenes by `promising`.
/// Terms that are `known` lead nowhere: they were asked for already.
pub(super) fn follow(corpus: &Corpus, worth: &mut LogWorth, known: &Emphasis, promising: &[u64]) {
    let hits = hits(worth.get());
    let terms = telling_terms(corpus, &hits, known);
    worth.add(SAYS_TERMS, shares(&corpus.rank_passages(&terms)));

    let named = named_titles(corpus, &hits);
    worth.add(IS_NAMED, corpus.spread(&named));

    let best = best(promising, SCENES).into_iter();
    let titles = best.flat_map(|scene| corpus.titles.get(scene)).map(|said| said.term);
    let titles = titles.filter(|term| known.of(*term) == 0);
    let titles = Emphasis::of_all(corpus.terms.len(), titles);
    worth.add(NAMES_TITLE, shares(&corpus.rank_passages(&titles)));
}

struct Hit {
    passage: usize,
    /// Of the best, in 2⁻¹⁶.
    strength: u64,
}

fn hits(worth: &[i64]) -> Vec<Hit> {
    let worth: Vec<u64> = worth.iter().map(|worth| worth.max(&0).unsigned_abs()).collect();
    let best = best(&worth, HITS);
    let most = best.first().map_or(0, |passage| worth[*passage]);
    best.into_iter().map(|passage| Hit { passage, strength: share(worth[passage], most) }).collect()
}

/// The indices of the greatest values above zero, the greatest first and of equal ones the first.
fn best(values: &[u64], count: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..values.len()).filter(|&index| values[index] > 0).collect();
    let order = |&index: &usize| (Reverse(values[index]), index);
    if indices.len() > count {
        indices.select_nth_unstable_by_key(count, order);
        indices.truncate(count);
    }
    indices.sort_unstable_by_key(order);
    indices
}

/// The terms that many good passages say and few others.
fn telling_terms(corpus: &Corpus, hits: &[Hit], known: &Emphasis) -> Emphasis {
    let mut sums = vec![0_u64; corpus.terms.len()];
    for hit in hits {
        for said in corpus.lists.get(hit.passage) {
            if known.of(said.term) == 0 {
                sums[said.term as usize] +=
                    (hit.strength * corpus.rarity(said.term)) >> FRACTION_BITS;
            }
        }
    }
    let mut emphasis = Emphasis::new(corpus.terms.len());
    let telling = best(&sums, TERMS);
    let most = telling.first().map_or(0, |term| sums[*term]);
    for term in telling {
        if let Ok(number) = u32::try_from(term) {
            emphasis.set(number, share(sums[term], most));
        }
    }
    emphasis
}

/// How far the good passages of other scenes name the title of each scene.
fn named_titles(corpus: &Corpus, hits: &[Hit]) -> Vec<u64> {
    let mut named = vec![0; corpus.scenes.len()];
    for hit in hits {
        let said = corpus.lists.get(hit.passage);
        let scene = corpus.scene_of(hit.passage);
        for (index, named) in named.iter_mut().enumerate().filter(|(index, _)| *index != scene) {
            let covered = coverage(corpus, corpus.titles.get(index), said);
            // A title is named whole or hardly at all, so a part counts by its cube.
            let cube = times(times(covered, covered), covered);
            *named = times(cube, hit.strength).max(*named);
        }
    }
    named
}

/// How much of the rarity of a title is in what is said.
fn coverage(corpus: &Corpus, title: &[Said], said: &[Said]) -> u64 {
    let (mut whole, mut found) = (0, 0);
    for term in title.iter().map(|word| word.term) {
        let rarity = corpus.rarity_in_scenes(term);
        whole += rarity;
        if said.binary_search_by_key(&term, |said| said.term).is_ok() {
            found += rarity;
        }
    }
    share(found, whole)
}

/// The product of two shares.
fn times(a: u64, b: u64) -> u64 {
    a * b / ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_the_greatest_and_of_equals_the_first() {
        assert_eq!(best(&[3, 0, 9, 3, 9, 1], 3), [2, 4, 0]);
        assert_eq!(best(&[0, 2], 3), [1]);
        assert!(best(&[0, 0], 3).is_empty());
    }

    #[test]
    fn shares_multiply_to_shares() {
        assert_eq!(times(ONE, ONE), ONE);
        assert_eq!(times(ONE / 2, ONE / 2), ONE / 4);
    }
}
