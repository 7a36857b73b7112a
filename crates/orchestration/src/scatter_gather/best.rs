use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ANSWERED;

/// The answer with the highest score; see [`ScatterGather::best_by`](super::ScatterGather::best_by).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>, N: Ord + Deserialize<'de>"))]
pub struct Best<O, N> {
    /// The answer.
    pub answer: O,
    /// Whose it is.
    pub by: N,
    /// Its score; NaN only where no answer has a score that is a number.
    #[serde(with = "score")]
    pub score: f64,
    /// What the others have answered.
    pub others: BTreeMap<N, O>,
}

/// The answer with the highest score, of equal ones the first by name. There is some answer.
pub(super) fn best<N: Ord + Clone, O>(
    mut answers: BTreeMap<N, O>,
    score: impl Fn(&O) -> f64,
) -> Best<O, N> {
    let mut best: Option<(&N, f64)> = None;
    for (name, answer) in &answers {
        let score = score(answer);
        // Not a number is worse than any.
        let is_better = |(_, best): (_, f64)| score > best || (best.is_nan() && !score.is_nan());
        if best.is_none_or(is_better) {
            best = Some((name, score));
        }
    }
    let (name, score) = best.map(|(name, score)| (name.clone(), score)).expect(ANSWERED);
    let (by, answer) = answers.remove_entry(&name).expect("the best answer is one of them");
    Best { answer, by, score, others: answers }
}

/// Scores are written as numbers, and as text where JSON has no number for them.
mod score {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(score: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if score.is_finite() {
            serializer.serialize_f64(*score)
        } else {
            serializer.collect_str(score)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(score) => Ok(score),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}
