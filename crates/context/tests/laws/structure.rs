//! Blocks and outlines of any text.

use std::num::NonZeroUsize;

use maniple_context::{blocks, outline};
use proptest::prelude::*;

fn texts() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        "( {0,8}|\t{0,2})(fn a\\(|\\}|# x|x: y|語語|=====)[ {(:]{0,2}",
        r"\PC{0,60}",
        r"[é🦀x]{50,80}",
    ];
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    proptest::collection::vec((line, end), 0..60)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

/// The number of the line in which the byte at `at` stands.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

proptest! {
    #[test]
    fn blocks_are_the_text_with_the_right_lines_within_bounds(
        text in texts(), max_lines in 1_usize..12, max_bytes in 1_usize..200,
    ) {
        let bound = |bound| NonZeroUsize::new(bound).unwrap();
        let mut at = 0;
        for block in
            blocks(&text).with_max_lines(bound(max_lines)).with_max_bytes(bound(max_bytes))
        {
            prop_assert!(!block.text.is_empty() && block.text.len() <= max_bytes.max(4));
            prop_assert!(block.lines.count() <= max_lines);
            prop_assert_eq!(block.lines.first(), line_of(&text, at));
            prop_assert_eq!(block.lines.last(), line_of(&text, at + block.text.len() - 1));
            prop_assert_eq!(&text[at..at + block.text.len()], block.text);
            at += block.text.len();
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn a_line_within_the_bound_is_never_cut(text in texts()) {
        for block in blocks(&text) {
            prop_assert!(block.text.ends_with('\n') || text.ends_with(block.text));
        }
    }

    #[test]
    fn an_outline_lists_lines_of_the_text_once_in_order(text in texts()) {
        let lines: Vec<&str> = text.split('\n').map(str::trim).collect();
        let mut before = 0;
        for line in outline(&text) {
            prop_assert!(line.number > before && line.depth <= 1);
            prop_assert_eq!(lines[line.number - 1], line.text);
            before = line.number;
        }
    }
}
