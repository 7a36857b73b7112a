use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Query, Term, TermCounts};

/// How many texts a corpus has, how long they are and how many of them say each term of a query.
///
/// It is a monoid: [`merge`](Self::merge) is associative and commutative, and
/// [`identity`](Self::identity) changes nothing. Merge statistics of the same query only; a term
/// that one side did not ask for would count as absent there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CorpusStats {
    documents: u64,
    length: u64,
    frequencies: BTreeMap<Term, u64>,
}

impl CorpusStats {
    /// The statistics of no text.
    pub fn identity() -> Self {
        Self::default()
    }

    /// The statistics of one text, counted by `query`.
    pub fn of(query: &Query, counts: &TermCounts) -> Self {
        let mut stats = Self::identity();
        stats.add(query, counts);
        stats
    }

    /// Adds one text, counted by `query`.
    pub fn add(&mut self, query: &Query, counts: &TermCounts) {
        self.documents += 1;
        self.length = self.length.saturating_add(counts.length());
        for (term, count) in query.terms().iter().zip(counts.counts()) {
            if *count > 0 {
                *self.frequencies.entry(term.clone()).or_default() += 1;
            }
        }
    }

    /// The statistics of both corpora together.
    pub fn merge(mut self, other: Self) -> Self {
        self.documents = self.documents.saturating_add(other.documents);
        self.length = self.length.saturating_add(other.length);
        for (term, documents) in other.frequencies {
            let sum = self.frequencies.entry(term).or_default();
            *sum = sum.saturating_add(documents);
        }
        self
    }

    /// How many texts.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// The length of all texts together, in words.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many texts say the term at least once.
    pub fn document_frequency(&self, term: &Term) -> u64 {
        self.frequencies.get(term).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn merging_is_a_commutative_monoid(
            texts in proptest::collection::vec("(alpha |beta |gamma |x ){0,5}", 0..8),
            cut in 0usize..8,
        ) {
            let query = Query::new("alpha beta gamma");
            let each: Vec<_> =
                texts.iter().map(|text| CorpusStats::of(&query, &query.count(text))).collect();
            let fold = |stats: &[CorpusStats]| {
                stats.iter().cloned().fold(CorpusStats::identity(), CorpusStats::merge)
            };
            let (left, right) = each.split_at(cut.min(each.len()));
            let whole = fold(&each);
            prop_assert_eq!(&fold(left).merge(fold(right)), &whole);
            prop_assert_eq!(&fold(right).merge(fold(left)), &whole);
            prop_assert_eq!(&CorpusStats::identity().merge(whole.clone()), &whole);

            let mut added = CorpusStats::identity();
            for text in &texts {
                added.add(&query, &query.count(text));
            }
            prop_assert_eq!(&added, &whole);
            prop_assert_eq!(whole.documents(), texts.len() as u64);
        }
    }
}
