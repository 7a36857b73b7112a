use super::bm25f::Corpus;
use super::evidence::LogWorth;
use super::passage::PassageList;
use crate::fixed::ONE;

/// What a passage is worth before anything is asked.
///
/// Passages that say rare things, that open a scene, that give a number or answer a question are
/// asked for more often than others; questions themselves less. The rarity of what a passage says is
/// the sum over its distinct terms, as in the selection of sentences for summaries (H. P. Luhn, *The
/// Automatic Creation of Literature Abstracts*, 1958; the opening is H. P. Edmundson's, *New Methods
/// in Automatic Extracting*, 1969).
pub(super) fn prior(corpus: &Corpus, passages: PassageList<'_, '_>) -> LogWorth {
    let mut worth = LogWorth::new(passages.len());
    let masses = masses(corpus);
    let mean = mean(&masses);
    // A passage many times as long as the others is not asked for in proportion.
    let rare = masses.iter().map(|&mass| {
        let scaled = (u128::from(mass) * u128::from(ONE)) / u128::from(mean.max(1));
        u64::try_from(scaled).map_or(MOST_MASS, |mass| mass.min(MOST_MASS))
    });
    worth.add(RARE, rare);
    worth.add(NUMBER, passages.iter().map(|passage| one_if(has_number(passage.text))));
    let asks: Vec<bool> = passages.iter().map(|passage| asks(passage.text)).collect();
    worth.add(QUESTION, asks.iter().copied().map(one_if));
    let answers = corpus.scenes.iter().flat_map(|scene| {
        scene.clone().map(|index| one_if(index > scene.start && asks[index - 1]))
    });
    worth.add(ANSWER, answers);
    let depths = corpus
        .scenes
        .iter()
        .flat_map(|scene| (0..scene.len() as u64).map(|depth| depth.min(OPENING) * ONE / OPENING));
    worth.add(DEPTH, depths);
    worth
}

/// In eighths of a bit.
const RARE: i64 = 4;
const NUMBER: i64 = 4;
const QUESTION: i64 = -3;
const ANSWER: i64 = 4;
const DEPTH: i64 = -8;
/// After so many passages a scene is no longer opening.
const OPENING: u64 = 3;
const MOST_MASS: u64 = 4 * ONE;

/// The rarity of all that each passage says, each term once, in 2⁻¹⁶ bit.
pub(super) fn masses(corpus: &Corpus) -> Vec<u64> {
    let mass = |said: &[super::terms::Said]| said.iter().map(|said| corpus.rarity(said.term)).sum();
    corpus.lists.iter().map(mass).collect()
}

pub(super) fn mean(values: &[u64]) -> u64 {
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    let mean = sum.checked_div(values.len() as u128);
    mean.map_or(0, |mean| u64::try_from(mean).unwrap_or(u64::MAX))
}

fn one_if(holds: bool) -> u64 {
    if holds { ONE } else { 0 }
}

fn has_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a question mark ends a word in it.
pub(super) fn asks(text: &str) -> bool {
    let ends_word = |at: usize| text[at + 1..].chars().next().is_none_or(char::is_whitespace);
    text.match_indices('?').any(|(at, _)| ends_word(at)) || text.contains('？')
}
