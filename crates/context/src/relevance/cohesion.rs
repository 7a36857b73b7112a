use super::terms::Terms;
use crate::fixed::ONE;

/// How many terms on either side of a gap are compared: what is left of the ten times twenty words of
/// the paper without its stop words, about.
const SIDE: usize = 100;

/// The texts, each of one or more pieces, with which another topic begins, in order. The first text is
/// none of them.
///
/// It is `TextTiling` (M. A. Hearst, *`TextTiling`: Segmenting Text into Multi-paragraph Subtopic
/// Passages*, 1997) with the texts in place of its sequences of twenty words, and so without its
/// smoothing: what stands before and after each gap is compared by the cosine of its terms, and a gap
/// is a boundary where that is lower than on both sides by more than most valleys are deep.
pub(crate) fn topic_starts(texts: &[Vec<&str>]) -> Vec<usize> {
    let mut terms = Terms::new();
    let mut said = Vec::new();
    let mut ends = Vec::with_capacity(texts.len());
    for text in texts {
        for piece in text {
            terms.read(piece, &mut said);
        }
        ends.push(said.len());
    }
    ends.pop();
    let alike: Vec<u64> = ends
        .iter()
        .map(|&at| {
            let (before, after) = said.split_at(at);
            let after = &after[..after.len().min(SIDE)];
            likeness(&before[before.len().saturating_sub(SIDE)..], after)
        })
        .collect();
    let valleys = valleys(&alike);
    let Some(least) = least_depth(&valleys) else { return Vec::new() };
    valleys.iter().filter(|(_, depth)| *depth >= least).map(|(gap, _)| gap + 1).collect()
}

/// The cosine of what two texts say, in 2⁻¹⁶. With nothing on one side there is nothing to tell apart.
fn likeness(left: &[u32], right: &[u32]) -> u64 {
    if left.is_empty() || right.is_empty() {
        return ONE;
    }
    let (left, right) = (counted(left), counted(right));
    let square = |counts: &[(u32, u64)]| counts.iter().map(|(_, count)| count * count).sum::<u64>();
    let shared: u64 = left
        .iter()
        .filter_map(|(term, count)| {
            let other = right.binary_search_by_key(term, |(other, _)| *other).ok()?;
            Some(count * right[other].1)
        })
        .sum();
    // No side has more than a hundred terms, so that nothing overflows, and none is zero.
    shared * ONE / (square(&left) * square(&right)).isqrt().max(1)
}

fn counted(terms: &[u32]) -> Vec<(u32, u64)> {
    let mut terms = terms.to_vec();
    terms.sort_unstable();
    terms.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect()
}

/// The gaps that are less alike than those around them, with how much lower they are than the peaks on
/// both sides together. Of equal neighbours it is the first.
fn valleys(alike: &[u64]) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    let mut gap = 0;
    while gap < alike.len() {
        let level = alike[gap];
        let end = (gap..alike.len()).find(|at| alike[*at] != level).unwrap_or(alike.len());
        let falls = gap == 0 || alike[gap - 1] > level;
        let rises = end == alike.len() || alike[end] > level;
        if falls && rises {
            let left = alike[..gap].iter().rev().copied();
            let right = alike[end..].iter().copied();
            let depth = climb(level, left) + climb(level, right);
            found.push((gap, depth));
        }
        gap = end;
    }
    found
}

/// How far it goes up before it goes down.
fn climb(from: u64, values: impl Iterator<Item = u64>) -> u64 {
    let mut top = from;
    for value in values {
        if value < top {
            break;
        }
        top = value;
    }
    top - from
}

/// How deep the valley of a boundary is at least: half a standard deviation below the mean.
fn least_depth(valleys: &[(usize, u64)]) -> Option<u64> {
    let count = u64::try_from(valleys.len()).ok().filter(|count| *count > 0)?;
    let mean = valleys.iter().map(|(_, depth)| depth).sum::<u64>() / count;
    let squares = valleys.iter().map(|(_, depth)| depth.abs_diff(mean).pow(2)).sum::<u64>();
    Some(mean.saturating_sub((squares / count).isqrt() / 2).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOPICS: [&str; 3] = [
        "the garden has roses and tulips, and the soil wants water every morning",
        "the compiler checks types and lifetimes before the linker joins objects",
        "the ferry crosses the harbour at noon when tide and wind allow",
    ];

    #[test]
    fn a_topic_begins_where_the_words_change() {
        let texts: Vec<Vec<&str>> =
            (0..36).map(|text| vec![TOPICS[text / 12], TOPICS[text / 12]]).collect();
        assert_eq!(topic_starts(&texts), [12, 24]);
    }

    #[test]
    fn one_topic_has_no_boundary_and_neither_has_nothing() {
        assert!(topic_starts(&vec![vec![TOPICS[0]]; 20]).is_empty());
        assert!(topic_starts(&vec![vec![""]; 20]).is_empty());
        assert!(topic_starts(&[]).is_empty());
    }

    #[test]
    fn a_valley_is_as_deep_as_the_peaks_on_both_sides_are_high() {
        assert_eq!(valleys(&[9, 4, 4, 6, 8, 5, 7]), [(1, 5 + 4), (5, 3 + 2)]);
        assert_eq!(valleys(&[3, 3, 3]), [(0, 0)]);
        assert_eq!(valleys(&[1, 2]), [(0, 1)]);
        assert_eq!(least_depth(&[(0, 10), (1, 20)]), Some(13));
    }

    proptest! {
        #[test]
        fn likeness_is_between_nothing_and_one_and_has_no_sides(
            left in proptest::collection::vec(0..9_u32, 1..100),
            right in proptest::collection::vec(0..9_u32, 1..100),
        ) {
            prop_assert!(likeness(&left, &right) <= ONE);
            prop_assert_eq!(likeness(&left, &right), likeness(&right, &left));
            prop_assert_eq!(likeness(&left, &left), ONE);
        }
    }
}
