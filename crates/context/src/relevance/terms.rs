use super::stem::English;
use super::stop::is_stop_word;
use super::words::{each_form, each_word};
use crate::hash::{HashedMap, hash};

/// Numbers the terms of many texts, the stem of each word once.
///
/// The terms are those of a [`Query`](super::Query): stems in lower case, without stop words, and
/// of an identifier its parts too. Their numbers count up from 0 in the order in which they are met.
/// Words and stems are known by their hashes alone, of 64 bits.
pub(super) struct Terms {
    stemmer: English,
    /// Where the terms of a word are in `pool`.
    words: HashedMap<(u32, u32)>,
    pool: Vec<u32>,
    numbers: HashedMap<u32>,
    buffer: String,
}

impl Terms {
    pub(super) fn new() -> Self {
        Self {
            stemmer: English::new(),
            words: HashedMap::default(),
            pool: Vec::new(),
            numbers: HashedMap::default(),
            buffer: String::new(),
        }
    }

    /// Forgets the words of the texts, for no more are read. The terms keep their numbers.
    pub(super) fn forget_words(&mut self) {
        self.words = HashedMap::default();
        self.pool = Vec::new();
    }

    /// How many terms were met.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a stem, if a text says it.
    pub(super) fn number(&self, stem: &str) -> Option<u32> {
        self.numbers.get(&hash(stem.as_bytes())).copied()
    }

    /// The terms that `other` has met too, by their numbers there, sorted.
    pub(super) fn shared_with(&self, other: &Self) -> Vec<u32> {
        let mut shared: Vec<u32> =
            self.numbers.keys().filter_map(|stem| other.numbers.get(stem).copied()).collect();
        shared.sort_unstable();
        shared
    }

    /// Adds the terms of `text` to `found`, in order.
    pub(super) fn read(&mut self, text: &str, found: &mut Vec<u32>) {
        each_word(text, |word| {
            let key = hash(word.as_bytes());
            let (start, end) = match self.words.get(&key) {
                Some(known) => *known,
                None => self.learn(key, word),
            };
            found.extend_from_slice(&self.pool[start as usize..end as usize]);
        });
    }

    fn learn(&mut self, key: u64, word: &str) -> (u32, u32) {
        let Self { stemmer, pool, numbers, buffer, .. } = self;
        let start = number(pool.len());
        each_form(word, buffer, |form| {
            if is_stop_word(form) {
                return;
            }
            let stem = stemmer.stem(form);
            let next = number(numbers.len());
            pool.push(*numbers.entry(hash(stem.as_bytes())).or_insert(next));
        });
        let range = (start, number(pool.len()));
        self.words.insert(key, range);
        range
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a context has fewer than 2³² distinct words")
}

/// That a text says a term so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) term: u32,
    pub(super) count: u32,
}

/// What each of many texts says, its terms sorted by their numbers.
#[derive(Debug)]
pub(super) struct Lists {
    said: Vec<Said>,
    ends: Vec<usize>,
}

impl Lists {
    /// With room for so many texts.
    pub(super) fn with_capacity(texts: usize) -> Self {
        Self { said: Vec::new(), ends: Vec::with_capacity(texts) }
    }

    /// Adds a text that says `terms`, which this sorts.
    pub(super) fn push(&mut self, terms: &mut [u32]) {
        terms.sort_unstable();
        if self.said.capacity() - self.said.len() < terms.len() {
            // Room for twice as much would be most of what a reduction takes.
            self.said.reserve_exact(terms.len().max(self.said.len() / 4));
        }
        let runs = terms.chunk_by(|a, b| a == b);
        self.said.extend(runs.map(|run| Said { term: run[0], count: number(run.len()) }));
        self.ends.push(self.said.len());
    }

    /// What the text at `index` says.
    pub(super) fn get(&self, index: usize) -> &[Said] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.said[start..self.ends[index]]
    }

    /// Gives back the room for further texts.
    pub(super) fn shrink(&mut self) {
        self.said.shrink_to_fit();
    }

    /// What all of the texts say, one after the other, and where each ends.
    pub(super) fn into_parts(self) -> (Vec<Said>, Vec<usize>) {
        (self.said, self.ends)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[Said]> {
        (0..self.ends.len()).map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_the_terms_that_queries_ask_for() {
        let text = "The retries of retryCount are retried";
        let mut terms = Terms::new();
        let mut found = Vec::new();
        terms.read(text, &mut found);
        let asked = super::super::Query::new(text);
        assert_eq!(asked.terms().len(), terms.len());
        let [retry, both, count] =
            ["retri", "retrycount", "count"].map(|stem| terms.number(stem).unwrap());
        assert_eq!(found, [retry, both, retry, count, retry]);

        let mut lists = Lists::with_capacity(2);
        lists.push(&mut []);
        lists.push(&mut found);
        assert_eq!(lists.get(0), []);
        assert_eq!(lists.get(1).iter().map(|said| said.count).collect::<Vec<_>>(), [3, 1, 1]);
        assert!(lists.get(1).is_sorted_by_key(|said| said.term));
        assert_eq!(lists.iter().count(), 2);
    }
}
