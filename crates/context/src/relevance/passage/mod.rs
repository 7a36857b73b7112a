use super::Query;
use super::bm25f::Corpus;
use super::evidence::evidence;
use super::prior::{masses, mean, prior};
use crate::fixed;
use crate::select::{Candidate, Cover, Greedy};

/// A part of a context that selection keeps or drops as one: a turn of a dialogue, a sentence or a
/// paragraph of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passage<'c> {
    /// What it says.
    pub text: &'c str,
    /// The title, path or source of the document that it is of, or nothing.
    pub title: &'c str,
    /// Who says it, or nothing. Passages with a speaker are turns of a dialogue.
    pub speaker: &'c str,
    /// When it was said, in any words, or nothing. Adjacent turns of one time belong together.
    pub time: &'c str,
    /// Of which segment it is. Those of one segment stand together, in their order.
    pub segment: usize,
    /// What it takes of a budget, in tokens.
    pub tokens: u32,
}

/// Passages that are made as they are asked for, for each is larger than many a text.
#[derive(Clone, Copy)]
pub(crate) struct PassageList<'p, 'c> {
    count: usize,
    get: &'p dyn Fn(usize) -> Passage<'c>,
}

impl<'p, 'c> PassageList<'p, 'c> {
    /// So many passages, each by its place.
    pub(crate) fn new(count: usize, get: &'p dyn Fn(usize) -> Passage<'c>) -> Self {
        Self { count, get }
    }

    pub(super) fn len(self) -> usize {
        self.count
    }

    pub(super) fn get(self, index: usize) -> Passage<'c> {
        (self.get)(index)
    }

    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = Passage<'c>> + use<'p, 'c> {
        (0..self.count).map(self.get)
    }
}

/// What each of some passages is worth; made by [`worth`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Worth {
    values: Vec<u64>,
    covers: Vec<Cover>,
    /// Where the covers of each passage end; empty where nothing is covered.
    ends: Vec<usize>,
    weights: Vec<u64>,
}

impl Worth {
    /// The odds of each passage that it is wanted, in order, up to a factor that all share.
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// The candidates of a selection, by the tokens of the passages, which must be those that this
    /// is the worth of.
    fn candidates(&self, tokens: impl Iterator<Item = u32>) -> Vec<Candidate<'_>> {
        let candidate = |(index, tokens): (usize, u32)| Candidate {
            cost: tokens.into(),
            value: self.values.get(index).copied().unwrap_or(0),
            covers: self.covers_of(index),
        };
        tokens.enumerate().map(candidate).collect()
    }

    fn covers_of(&self, index: usize) -> &[Cover] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.covers[start..*end]
    }
}

/// What each passage is worth for the query, or by itself where there is none or none of it is
/// found.
///
/// For a query it weighs how well a passage answers by its own words, by the turns or the document
/// around it and its title, by speaker and time where the query names them, and how much it says of
/// what the best passages lead to. In any case it weighs what is asked for more often: rare words,
/// openings, numbers and answers. Without a query, what is said for the first time is worth more.
///
/// A passage that is the question itself, or repeats it, is better left out: the others are measured
/// by the best, and nothing answers as well.
///
/// The time is linear in the text. The weights are few and coarse; none is for one kind of text.
///
/// ```
/// use maniple_context::relevance::{Passage, Query, select, worth};
///
/// let turn = |segment, speaker, text| {
///     Passage { segment, speaker, text, tokens: 10, ..Passage::default() }
/// };
/// let passages = [
///     turn(0, "Ana", "Have you decided where to go this summer?"),
///     turn(1, "Ben", "Yes, to the lake where my uncle has a boat."),
///     turn(2, "Ana", "That sounds lovely."),
///     turn(3, "Ben", "My train is late again, by the way."),
/// ];
///
/// // The answer stands after a turn that says what is asked.
/// let query = Query::new("Where do they go in summer?");
/// let worth = worth(&passages, Some(&query));
/// assert_eq!(select(&worth, &passages, &[], 20), [true, true, false, false]);
/// ```
pub fn worth(passages: &[Passage<'_>], query: Option<&Query>) -> Worth {
    worth_of(PassageList::new(passages.len(), &|index| passages[index]), query)
}

/// The [`worth`] of passages that are not all there at once.
pub(crate) fn worth_of(passages: PassageList<'_, '_>, query: Option<&Query>) -> Worth {
    let corpus = Corpus::new(passages);
    let prior = prior(&corpus, passages);
    let evidence = query.and_then(|query| evidence(&corpus, passages, query));
    let found = evidence.is_some();
    let log = if let Some(evidence) = evidence { prior.plus(&evidence) } else { prior };
    let values: Vec<u64> = log.get().iter().map(|worth| fixed::exp2(*worth)).collect();
    if found { Worth { values, ..Worth::default() } } else { with_coverage(corpus, values) }
}

/// What each passage is worth for the query; nothing where none of it is found.
pub(crate) fn relevance(passages: PassageList<'_, '_>, query: &Query) -> Option<Worth> {
    Some(worth_of(passages, Some(query))).filter(|worth| worth.ends.is_empty())
}

/// Half of what a mean passage is worth besides is for its terms, where all are said first there.
fn with_coverage(corpus: Corpus, values: Vec<u64>) -> Worth {
    let mean_value = u128::from(mean(&values));
    let mean_mass = u128::from(mean(&masses(&corpus)).max(1));
    let weight = |term| {
        let weight = mean_value * u128::from(corpus.rarity(term)) / mean_mass;
        u64::try_from(weight).unwrap_or(u64::MAX)
    };
    let weights = (0..).take(corpus.terms.len()).map(weight).collect();
    let (said, ends) = corpus.lists.into_parts();
    // A cover is as large as what it is made of, and takes its place in memory.
    let covers = said.into_iter().map(|said| Cover::once(said.term)).collect();
    Worth { values, covers, ends, weights }
}

/// Which passages to keep: all that are `kept` already, and of the others those that are worth most
/// in `room` tokens.
///
/// `worth` is that of the same passages. Where `kept` is shorter than they are, the rest is not
/// kept. See [`Greedy`] for how it chooses.
pub fn select(worth: &Worth, passages: &[Passage<'_>], kept: &[bool], room: u64) -> Vec<bool> {
    select_by_tokens(worth, passages.iter().map(|passage| passage.tokens), kept, room)
}

/// The same by the tokens of the passages alone.
pub(crate) fn select_by_tokens(
    worth: &Worth,
    tokens: impl Iterator<Item = u32>,
    kept: &[bool],
    room: u64,
) -> Vec<bool> {
    Greedy::new(room)
        .with_features(&worth.weights)
        .with_cost_exponent(COST_EXPONENT)
        .choose(&worth.candidates(tokens), kept)
}

/// In sixteenths. A longer passage holds more that may be wanted, but not in proportion.
const COST_EXPONENT: u8 = 8;

#[cfg(test)]
mod tests;
