//! Cuts a text into pieces that a tokenizer can take one by one.

use crate::text::floor_char_boundary;

/// Far below the million steps at which the tokenizer's regular expression gives up, and small
/// enough to stay in the cache.
const PIECE_BYTES: usize = 32 * 1024;

/// The pieces of a text, each of at most [`PIECE_BYTES`], together the whole text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = rest.split_at(piece_end(rest));
        rest = tail;
        Some(piece)
    })
}

fn piece_end(text: &str) -> usize {
    if text.len() <= PIECE_BYTES {
        return text.len();
    }
    let bytes = text.as_bytes();
    (2..=PIECE_BYTES)
        .rev()
        .find(|&at| no_token_crosses(bytes, at))
        .unwrap_or_else(|| floor_char_boundary(text, PIECE_BYTES))
}

/// Whether the patterns of both encodings must end a token at `at`.
///
/// White space can only open a token, but for line feeds after punctuation; and what follows a line
/// feed is never of its token, but for another line feed, other white space or a slash.
fn no_token_crosses(bytes: &[u8], at: usize) -> bool {
    let &[before, after, ..] = &bytes[at - 1..] else {
        return false;
    };
    match after {
        b' ' | b'\t' => before.is_ascii_graphic(),
        b'\n' | b'\r' => before.is_ascii_alphanumeric(),
        b'/' => false,
        _ => before == b'\n' && after.is_ascii_graphic(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
        fn a_safe_cut_leaves_the_count_unchanged(
            text in r"([a-zA-Z]{1,8}|[0-9]{1,5}|[ \n\t\r]{1,3}|['!./{}(-]{1,2}|[!;]\n/[a-z/]|é|中|\u{301}|ʰ){1,40}",
        ) {
            for encoding in Encoding::ALL {
                let expected = whole(encoding, &text);
                for at in 1..text.len() {
                    if no_token_crosses(text.as_bytes(), at) {
                        let (left, right) = text.split_at(at);
                        prop_assert_eq!(
                            whole(encoding, left) + whole(encoding, right), expected,
                            "{} at {} of {:?}", encoding, at, text
                        );
                    }
                }
            }
        }

        #[test]
        fn pieces_are_the_text(unit in r"\PC{1,7}|[ \n]{1,3}", times in 1usize..40_000) {
            let text = unit.repeat(times);
            let mut joined = String::with_capacity(text.len());
            for piece in pieces(&text) {
                prop_assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
                joined.push_str(piece);
            }
            prop_assert!(joined == text);
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
