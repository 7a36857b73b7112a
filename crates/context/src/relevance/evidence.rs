use super::Query;
use super::bm25f::{Corpus, Emphasis};
use super::hop;
use super::passage::PassageList;
use super::terms::Terms;
use crate::fixed::{ONE, share};

/// How likely it is that each passage is wanted, as the logarithm of its odds, in 2⁻¹⁶ bit.
///
/// What speaks for a passage independently is added up (the probability ranking principle: S.
/// Robertson and K. Spärck Jones, *Relevance Weighting of Search Terms*, 1976). Only differences
/// mean something.
pub(super) struct LogWorth(Vec<i64>);

impl LogWorth {
    pub(super) fn new(passages: usize) -> Self {
        Self(vec![0; passages])
    }

    /// Adds a sign that is worth `eighths` of a bit where it is there in full, which is 2¹⁶.
    pub(super) fn add(&mut self, eighths: i64, sign: impl IntoIterator<Item = u64>) {
        for (worth, strength) in self.0.iter_mut().zip(sign) {
            *worth += eighths * strength.cast_signed() / 8;
        }
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (worth, more) in self.0.iter_mut().zip(&other.0) {
            *worth += more;
        }
        self
    }

    pub(super) fn get(&self) -> &[i64] {
        &self.0
    }
}

/// What speaks for each passage given a query; nothing where the query finds nothing.
pub(super) fn evidence(
    corpus: &Corpus,
    passages: PassageList<'_, '_>,
    query: &Query,
) -> Option<LogWorth> {
    let speakers = Speakers::of(passages, query);
    let asked: Vec<u32> = query
        .terms()
        .iter()
        .map(super::Term::as_str)
        .filter(|term| speakers.terms.number(term).is_none())
        .filter_map(|term| corpus.terms.number(term))
        .collect();
    if asked.is_empty() && speakers.asked.is_empty() {
        return None;
    }
    let emphasis = Emphasis::of_all(corpus.terms.len(), asked.iter().copied());
    let own = shares(&corpus.rank_passages(&emphasis));
    let scenes = shares(&corpus.rank_scenes(&emphasis));
    let titles = asked_titles(corpus, &emphasis);

    let mut worth = LogWorth::new(passages.len());
    // The root, for a passage that has half of the best match is far above one that has none.
    worth.add(OWN, own.iter().map(|share| (share * ONE).isqrt()));
    worth.add(AROUND, around(corpus, passages, &own, &scenes));
    worth.add(SPEAKER, speakers.signs(passages, true));
    worth.add(-SPEAKER, speakers.signs(passages, false));
    worth.add(TIME, times(passages, query));
    worth.add(TITLE, corpus.spread(&titles));

    let known = asked.iter().copied().chain(speakers.terms.shared_with(&corpus.terms));
    let known = Emphasis::of_all(corpus.terms.len(), known);
    let promising: Vec<u64> =
        scenes.iter().zip(&titles).map(|(scene, title)| scene + title).collect();
    hop::follow(corpus, &mut worth, &known, &promising);
    Some(worth)
}

/// In eighths of a bit.
const OWN: i64 = 16;
const AROUND: i64 = 12;
const SPEAKER: i64 = 6;
const TIME: i64 = 6;
const TITLE: i64 = 6;

/// Each value as its part of the greatest, in 2⁻¹⁶.
pub(super) fn shares(values: &[u64]) -> Vec<u64> {
    let most = values.iter().copied().max().unwrap_or(0);
    values.iter().map(|value| share(*value, most)).collect()
}

/// What stands around each passage: its scene, and in a dialogue the turns before and after, the
/// nearer the more.
fn around(corpus: &Corpus, passages: PassageList<'_, '_>, own: &[u64], scenes: &[u64]) -> Vec<u64> {
    let mut near = vec![0; passages.len()];
    for scene in &corpus.scenes {
        let mut before = 0;
        for index in scene.clone() {
            near[index] += before;
            before = decayed(before) + own[index];
        }
        let mut after = 0;
        for index in scene.clone().rev() {
            near[index] += after;
            after = decayed(after) + own[index];
        }
    }
    let near = shares(&near);
    let scenes = corpus.spread(scenes);
    passages
        .iter()
        .zip(near)
        .zip(scenes)
        .map(|((passage, near), scene)| if passage.speaker.is_empty() { scene } else { near })
        .collect()
}

fn decayed(sum: u64) -> u64 {
    sum * 3 / 4
}

/// How much of the rarity of each scene's title is asked for.
fn asked_titles(corpus: &Corpus, asked: &Emphasis) -> Vec<u64> {
    let covered = |said: &[super::terms::Said]| {
        let rarity = |wanted: &dyn Fn(u32) -> bool| {
            let terms = said.iter().map(|said| said.term).filter(|term| wanted(*term));
            terms.map(|term| corpus.rarity_in_scenes(term)).sum()
        };
        share(rarity(&|term| asked.of(term) > 0), rarity(&|_| true))
    };
    corpus.titles.iter().map(covered).collect()
}

/// How many of the query's terms the time of each passage says, of the most that any says.
fn times(passages: PassageList<'_, '_>, query: &Query) -> Vec<u64> {
    let mut scanner = query.scanner();
    let mut last: Option<(&str, u64)> = None;
    let counts: Vec<u64> = passages
        .iter()
        .map(|passage| match last {
            Some((time, count)) if time == passage.time => count,
            _ => {
                let counts = scanner.count(passage.time);
                let count = counts.counts().iter().filter(|count| **count > 0).count() as u64;
                last = Some((passage.time, count));
                count
            }
        })
        .collect();
    shares(&counts)
}

/// Who speaks in the passages, and whom the query names of them.
struct Speakers<'c> {
    terms: Terms,
    /// The speakers that the query names, unless it names all or none, which says nothing.
    asked: Vec<&'c str>,
}

impl<'c> Speakers<'c> {
    fn of(passages: PassageList<'_, 'c>, query: &Query) -> Self {
        let mut names: Vec<&'c str> = passages.iter().map(|passage| passage.speaker).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let mut terms = Terms::new();
        for name in &names {
            terms.read(name, &mut Vec::new());
        }
        let mut scanner = query.scanner();
        let mut is_asked = |name: &str| scanner.count(name).counts().iter().any(|count| *count > 0);
        let mut asked: Vec<_> = names.iter().copied().filter(|name| is_asked(name)).collect();
        if asked.len() == names.len() {
            asked.clear();
        }
        Self { terms, asked }
    }

    /// Where someone speaks whom the query names, or does not though it names another.
    fn signs(&self, passages: PassageList<'_, '_>, named: bool) -> impl Iterator<Item = u64> {
        passages.iter().map(move |passage| {
            let applies = !self.asked.is_empty() && !passage.speaker.is_empty();
            let is_named = self.asked.binary_search(&passage.speaker).is_ok();
            if applies && is_named == named { ONE } else { 0 }
        })
    }
}
