use serde::{Deserialize, Serialize};

use super::{CorpusStats, Query, TermCounts};
use crate::fixed::{self, FRACTION_BITS};

/// The ranking function BM25, without floating point, so that a score is the same on every machine.
///
/// For each term of the query, with *tf* its occurrences in the text, *df* the texts of the corpus
/// that have it, *N* all texts, *dl* and *avgdl* the length of the text and the mean length:
///
/// > log₂(1 + (N − df + ½) / (df + ½)) · tf · (k₁ + 1) / (tf + k₁ · (1 − b + b · dl / avgdl))
///
/// with k₁ = 1.2 and b = 0.75 (S. Robertson and H. Zaragoza, *The Probabilistic Relevance
/// Framework: BM25 and Beyond*, Foundations and Trends in Information Retrieval 3(4), 2009; the 1
/// inside the logarithm, which keeps it positive, is Lucene's).
#[derive(Debug, Clone)]
pub struct Bm25 {
    /// The logarithm for each term of the query, in 2⁻¹⁶.
    rarities: Vec<u64>,
    documents: u64,
    length: u64,
}

/// A relevance, in 2⁻³² bit. Zero where no term of the query is found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Score(u64);

impl Score {
    /// The score as an integer, in 2⁻³² bit.
    pub fn get(self) -> u64 {
        self.0
    }
}

const K1_THOUSANDTHS: u128 = 1_200;
const B_THOUSANDTHS: u128 = 750;

impl Bm25 {
    /// Ranks by `query` in a corpus of these statistics.
    pub fn new(query: &Query, stats: &CorpusStats) -> Self {
        let rarities = query
            .terms()
            .iter()
            .map(|term| rarity(stats.documents(), stats.document_frequency(term)))
            .collect();
        Self { rarities, documents: stats.documents(), length: stats.length() }
    }

    /// The relevance of a text whose terms were counted by the same query.
    pub fn score(&self, counts: &TermCounts) -> Score {
        let norm = self.length_norm(counts.length());
        let sum = self
            .rarities
            .iter()
            .zip(counts.counts())
            .map(|(rarity, count)| rarity.saturating_mul(saturation(*count, &norm)))
            .fold(0_u64, u64::saturating_add);
        Score(sum)
    }

    /// dl / avgdl as a fraction; 1 where the corpus has no words to take a mean of.
    fn length_norm(&self, length: u64) -> Fraction {
        if self.documents == 0 || self.length == 0 {
            return Fraction { numerator: 1, denominator: 1 };
        }
        Fraction {
            numerator: u128::from(length) * u128::from(self.documents),
            denominator: u128::from(self.length),
        }
    }
}

pub(super) struct Fraction {
    pub(super) numerator: u128,
    pub(super) denominator: u128,
}

/// How much `count` occurrences count, in 2⁻¹⁶: below k₁ + 1, however many they are.
pub(super) fn saturation(count: u32, norm: &Fraction) -> u64 {
    if count == 0 {
        return 0;
    }
    // Everything times 1000² and times the norm's denominator, to stay among integers.
    let scale = norm.denominator.saturating_mul(1_000_000);
    let occurrences = scale.saturating_mul(u128::from(count));
    let length_part = norm
        .denominator
        .saturating_mul(1_000 - B_THOUSANDTHS)
        .saturating_add(norm.numerator.saturating_mul(B_THOUSANDTHS))
        .saturating_mul(K1_THOUSANDTHS);
    let divisor = occurrences.saturating_add(length_part);
    let gain = (occurrences / 1_000).saturating_mul(1_000 + K1_THOUSANDTHS);
    // Shifting the divisor instead of the dividend loses less than a bit and cannot overflow.
    let value =
        match gain.checked_shl(FRACTION_BITS).filter(|_| gain.leading_zeros() > FRACTION_BITS) {
            Some(gain) => gain / divisor.max(1),
            None => gain / (divisor >> FRACTION_BITS).max(1),
        };
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// log₂((2N + 2) / (2df + 1)), which is the logarithm above, in 2⁻¹⁶.
pub(super) fn rarity(documents: u64, frequency: u64) -> u64 {
    let numerator = 2 * u128::from(documents) + 2;
    let denominator = 2 * u128::from(frequency) + 1;
    fixed::log2((numerator << 32) / denominator)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(tf: f64, df: f64, documents: f64, dl: f64, length: f64) -> f64 {
        let idf = (1.0 + (documents - df + 0.5) / (df + 0.5)).log2();
        idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * dl * documents / length))
    }

    proptest! {
        #[test]
        fn integers_agree_with_the_formula(
            tf in 1_u32..1_000, df in 1_u32..5_000, more in 0_u32..100_000,
            dl in 1_u32..100_000, mean in 1_u32..10_000,
        ) {
            let documents = u64::from(df + more);
            let length = documents * u64::from(mean);
            let norm = Fraction {
                numerator: u128::from(dl) * u128::from(documents),
                denominator: u128::from(length),
            };
            let scaled = rarity(documents, df.into()) * saturation(tf, &norm);
            #[expect(clippy::cast_precision_loss, reason = "compared to a tolerance")]
            let (found, documents, length) =
                (scaled as f64 / 4_294_967_296.0, documents as f64, length as f64);
            let expected = reference(tf.into(), df.into(), documents, dl.into(), length);
            prop_assert!(
                (found - expected).abs() <= 1e-3 + expected * 1e-3, "{found} for {expected}"
            );
        }

        #[test]
        fn no_statistics_overflow(count: u32, length: u64, documents: u64, total: u64, df: u64) {
            let bm25 = Bm25 { rarities: vec![rarity(documents, df)], documents, length: total };
            let norm = bm25.length_norm(length);
            prop_assert!(saturation(count, &norm) <= 2 * 65_536 * 11 / 10 + 1);
            prop_assert!(rarity(documents, df) <= 66 << 16);
        }
    }

    #[test]
    fn more_occurrences_and_rarer_terms_and_shorter_texts_score_higher() {
        let query = Query::new("alpha beta");
        let texts = ["alpha beta", "alpha", "alpha gamma delta", "gamma"];
        let mut stats = CorpusStats::identity();
        for text in texts {
            stats.add(&query, &query.count(text));
        }
        let bm25 = Bm25::new(&query, &stats);
        let score = |text: &str| bm25.score(&query.count(text));
        assert!(score("beta gamma") > score("alpha gamma"));
        assert!(score("beta beta x") > score("beta x x"));
        assert!(score("beta") > score("beta gamma delta"));
        assert_eq!(score("gamma").get(), 0);
        assert_eq!(score(""), Score::default());
    }
}
