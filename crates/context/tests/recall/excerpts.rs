//! Parts of a text, against a model that is slow and plain.

use maniple_context::LineRange;
use maniple_context::excerpt::{Needle, line_count, lines, search};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![Just("\n"), Just("\r\n"), Just("foo"), Just("BAR"), Just(" É"), Just("ß…İ")],
        0..30,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn lines_are_those_of_the_text(text in text(), first in 1_usize..12, count in 1_usize..12) {
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        prop_assert_eq!(line_count(&text), all.len());
        let last = first + count - 1;
        let found = lines(&text, LineRange::new(first, last).unwrap());
        if let Some(expected) = all.get(first - 1..last) {
            prop_assert_eq!(found.unwrap(), expected.concat());
        } else {
            prop_assert_eq!(found.unwrap_err().lines, all.len());
        }
    }

    #[test]
    fn a_search_finds_the_lines_with_all_words_and_those_around(
        text in text(),
        words in prop::sample::select(vec!["foo", "bar", "FOO bar", "oo é", "ß", "x", "i\u{307}"]),
        around in 0_usize..4,
    ) {
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        let fold = |text: &str| text.to_lowercase();
        let matches: Vec<bool> = all
            .iter()
            .map(|line| words.split(' ').all(|word| fold(line).contains(&fold(word))))
            .collect();
        let near = |at: usize| {
            let range = at.saturating_sub(around)..(at + around + 1).min(all.len());
            matches[range].iter().any(|matches| *matches)
        };
        let expected: Vec<_> = (0..all.len())
            .filter(|at| near(*at))
            .map(|at| (at + 1, all[at], matches[at]))
            .collect();
        let needle = Needle::new(words).unwrap();
        let found: Vec<_> =
            search(&text, &needle, around).map(|l| (l.number, l.text, l.matches)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn lines_beyond_the_end_say_how_many_there_are() {
    let all = LineRange::new(1, usize::MAX).unwrap();
    let error = lines("one line", all).unwrap_err();
    assert!(error.to_string().ends_with("the text has 1 line"), "{error}");
    assert_eq!(lines("", all).unwrap_err().lines, 0);
}

#[test]
fn a_search_for_nothing_is_none() {
    assert_eq!(Needle::new(" \n\t"), None);
}
