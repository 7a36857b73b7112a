//! Cuts a text into pieces that a tokenizer can take one by one.

use crate::text::floor_char_boundary;

/// Far below the million steps at which the tokenizer's regular expression gives up, and small
/// enough to stay in the cache.
const PIECE_BYTES: usize = 32 * 1024;

/// The pieces of a text, each of at most [`PIECE_BYTES`], together the whole text.
///
/// A piece ends where `is_safe` says so of what stands before and after, at the last such place. If
/// there is none, it ends between two characters. So where the long runs begin that are cut
/// anywhere follows from the runs alone, and texts cut at safe places still count the sum.
pub(super) fn pieces(
    text: &str,
    is_safe: impl Fn(&str, &str) -> bool,
) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = rest.split_at(piece_end(rest, &is_safe));
        rest = tail;
        Some(piece)
    })
}

fn piece_end(text: &str, is_safe: impl Fn(&str, &str) -> bool) -> usize {
    if text.len() <= PIECE_BYTES {
        return text.len();
    }
    (1..=PIECE_BYTES)
        .rev()
        .filter_map(|at| Some((at, text.split_at_checked(at)?)))
        .find(|(_, (before, after))| is_safe(before, after))
        .map_or_else(|| floor_char_boundary(text, PIECE_BYTES), |(at, _)| at)
}

/// Whether the patterns of every [`Encoding`](super::Encoding) must end a token between two texts,
/// and split each of them alone as they split the two together, whatever stands around both.
///
/// White space can only open a token, but for line feeds after punctuation. What follows the last
/// line feed of a run of white space is never of its token, but for a slash after punctuation. How
/// white space at the end of a text is split depends on what follows it, so of a run that is cut
/// both ends must be seen.
pub(super) fn no_token_crosses(before: &str, after: &str) -> bool {
    let (Some(left), Some(right)) = (before.chars().next_back(), after.chars().next()) else {
        return false;
    };
    match (left, right) {
        ('\n' | '\r', '/') => opens_a_token_alone(before),
        ('\n' | '\r', _) => {
            let next = after.chars().find(|c| !c.is_whitespace() || is_line_end(*c));
            next.is_some_and(|next| !is_line_end(next))
        }
        (_, '\n' | '\r') => left.is_ascii_alphanumeric(),
        _ => right.is_whitespace() && !left.is_whitespace(),
    }
}

/// Whether the line feeds at the end of a text belong to no token of punctuation.
fn opens_a_token_alone(text: &str) -> bool {
    text.trim_end_matches(is_line_end)
        .chars()
        .next_back()
        .is_some_and(|c| c.is_ascii_alphanumeric() || c.is_whitespace())
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::count::samples::texts;
    use crate::{Encoding, Tiktoken, TokenCounter};

    fn whole(encoding: Encoding, text: &str) -> usize {
        match encoding {
            Encoding::O200kBase => tiktoken_rs::o200k_base_singleton().count_ordinary(text),
            Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton().count_ordinary(text),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_safe_cut_leaves_the_count_unchanged(text in texts()) {
            for encoding in Encoding::ALL {
                let expected = whole(encoding, &text);
                for (at, _) in text.char_indices() {
                    let (left, right) = text.split_at(at);
                    if no_token_crosses(left, right) {
                        prop_assert_eq!(
                            whole(encoding, left) + whole(encoding, right), expected,
                            "{} at {} of {:?}", encoding, at, text
                        );
                    }
                }
            }
        }

        #[test]
        fn parts_that_fit_together_count_their_sum(
            text in texts(), kept in proptest::collection::vec(any::<bool>(), 1..8),
        ) {
            let parts = cut(&text, |_, _| true);
            let kept = parts.into_iter().zip(kept.iter().cycle()).filter(|(_, kept)| **kept);
            let mut fitting: Vec<&str> = Vec::new();
            for (part, _) in kept {
                if fitting.last().is_none_or(|last| no_token_crosses(last, part)) {
                    fitting.push(part);
                }
            }
            for encoding in Encoding::ALL {
                let sum: usize = fitting.iter().map(|part| whole(encoding, part)).sum();
                prop_assert_eq!(sum, whole(encoding, &fitting.concat()), "{:?}", fitting);
            }
        }

        #[test]
        fn any_lines_fit_together_unless_one_begins_with_a_slash(
            text in texts(), kept in proptest::collection::vec(any::<bool>(), 1..8),
        ) {
            let lines = cut(&text, |left, right| left.ends_with(is_line_end) && !right.starts_with('/'));
            let kept: Vec<&str> = lines
                .into_iter()
                .zip(kept.iter().cycle())
                .filter_map(|(line, kept)| kept.then_some(line))
                .collect();
            for pair in kept.windows(2) {
                prop_assert!(no_token_crosses(pair[0], pair[1]), "{:?}", pair);
            }
        }

        #[test]
        fn finding_the_pieces_takes_linear_time(
            units in proptest::collection::vec((texts(), 1..20_000_usize), 1..4),
        ) {
            let text: String = units.iter().map(|(unit, times)| unit.repeat(*times)).collect();
            let asked = Cell::new(0_usize);
            let cut = |left: &str, right: &str| {
                asked.set(asked.get() + 1);
                no_token_crosses(left, right)
            };
            let pieces = pieces(&text, cut).count();
            prop_assert!(asked.get() <= 2 * text.len() + PIECE_BYTES, "{}", asked.get());
            prop_assert!(pieces <= 2 + 2 * text.len() / PIECE_BYTES, "{pieces} pieces");
        }

        #[test]
        fn pieces_are_the_text(unit in r"\PC{1,7}|[ \n]{1,3}", times in 1usize..10_000) {
            let text = unit.repeat(times);
            let mut joined = String::with_capacity(text.len());
            for piece in pieces(&text, no_token_crosses) {
                prop_assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
                joined.push_str(piece);
            }
            prop_assert!(joined == text);
        }
    }

    /// The parts of a text between those safe places that are also `wanted`.
    fn cut(text: &str, wanted: impl Fn(&str, &str) -> bool) -> Vec<&str> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            if no_token_crosses(left, right) && wanted(left, right) {
                parts.push(&text[start..at]);
                start = at;
            }
        }
        parts.push(&text[start..]);
        parts
    }

    #[test]
    fn the_places_that_matter_are_safe() {
        for (left, right) in [
            ("fn a() {\n", "    b();\n}\n"),
            ("a;\r\n", "\tb;\r\n"),
            ("one.\n\n", "Two."),
            ("One.", " Two."),
            ("止まれ。", " 進め。"),
            ("let a = 1\n", "// b"),
            ("a;\n", "  // b"),
        ] {
            assert!(no_token_crosses(left, right), "{left:?} {right:?}");
        }
        for (left, right) in [
            ("};\n", "// b"),
            ("a\r", "\nb"),
            ("a\n", "  \nb"),
            ("a\n", "  "),
            ("a ", " b"),
            ("one.", "Two"),
            ("don", "'t"),
            // Else "don", "" and "'t" would each fit the next.
            ("", "'t"),
            ("\n", "/"),
        ] {
            assert!(!no_token_crosses(left, right), "{left:?} {right:?}");
        }
    }

    #[test]
    fn long_runs_count_the_same_alone() {
        let run = "aZ9+".repeat(12_000);
        let parts = ["One.", " Two.\n", run.as_str(), "\n", "  three\n", run.as_str(), " four."];
        for encoding in Encoding::ALL {
            let counter = Tiktoken::new(encoding);
            let (first, rest) = parts.split_at(4);
            let sum = counter.count(&first.concat()) + counter.count(&rest.concat());
            let lines: usize = parts.concat().split_inclusive('\n').map(|l| counter.count(l)).sum();
            assert_eq!(counter.count(&parts.concat()), lines);
            assert_eq!(counter.count(&parts.concat()), sum);
        }
    }

    #[test]
    fn prose_longer_than_a_piece_counts_as_a_whole() {
        let text = "The quick brown fox's tail.\n\n  It jumped, over 12345 dogs!\n".repeat(4_000);
        for encoding in Encoding::ALL {
            assert_eq!(Tiktoken::new(encoding).count(&text), whole(encoding, &text));
        }
    }
}
