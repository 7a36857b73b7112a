//! The lines that stand where something went.

use std::num::NonZeroUsize;

use maniple_context::{
    Encoding, Handle, Left, Marker, MemoryRecall, ShortHandle, Tiktoken, TokenCounter,
};
use proptest::prelude::*;

use crate::put;

fn marker() -> impl Strategy<Value = Marker> {
    let left = prop_oneof![Just(Left::Lines), Just(Left::Messages), Just(Left::Tokens)];
    (prop_oneof![1_usize..4, any::<usize>()], left, any::<u64>()).prop_map(|(count, left, n)| {
        let count = NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Marker::new(count, left, Handle::of(&n.to_string()).short())
    })
}

proptest! {
    #[test]
    fn a_marker_is_read_as_it_was_written(marker in marker()) {
        prop_assert_eq!(Marker::parse(&marker.to_string()), Some(marker));
    }

    #[test]
    fn nothing_else_is_a_marker(marker in marker(), at in any::<prop::sample::Index>(), c in ".") {
        let written: Vec<char> = marker.to_string().chars().collect();
        let at = at.index(written.len());
        let text: String = written[..at].iter().copied().chain(c.chars())
            .chain(written[at + 1..].iter().copied()).collect();
        if let Some(read) = Marker::parse(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn markers_are_found_where_they_stand(
        parts in prop::collection::vec((r#"[a-z\[\]…" \n\\é]{0,12}"#, marker()), 0..8),
    ) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (before, marker) in parts {
            text += &before;
            expected.push((text.len(), marker));
            text += &marker.to_string();
        }
        prop_assert_eq!(Marker::all_in(&text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_json_string_holds_a_marker_as_it_is(marker in marker()) {
        let text = marker.to_string();
        prop_assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn a_short_handle_is_read_as_it_was_written_and_no_other_text_is_one(text in "[0-9a-fA-F]{10,13}") {
        match text.parse::<ShortHandle>() {
            Ok(short) => prop_assert_eq!(short.to_string(), text),
            Err(_) => prop_assert!(text.len() != 12 || text.bytes().any(|b| b.is_ascii_uppercase())),
        }
    }

    #[test]
    fn the_handles_of_a_short_one_are_a_range(n in any::<u64>()) {
        let handle = Handle::of(&n.to_string());
        prop_assert!(handle.short().range().contains(&handle));
        let (first, last) = handle.short().range().into_inner();
        prop_assert!(first.short() == handle.short() && last.short() == handle.short());
        prop_assert_eq!(handle.to_string().parse(), Ok(handle));
    }
}

#[test]
fn markers_that_are_almost_right_are_plain_text() {
    let handle = Handle::of("a").short();
    for text in [
        "",
        "[…]",
        &format!("[…0 lines: recall {handle}]"),
        &format!("[…01 lines: recall {handle}]"),
        &format!("[…+2 lines: recall {handle}]"),
        &format!("[…2 line: recall {handle}]"),
        &format!("[…1 lines: recall {handle}]"),
        &format!("[…2 words: recall {handle}]"),
        &format!("[...2 lines: recall {handle}]"),
        &format!("[…2 lines: recall {}]", handle.to_string().to_uppercase()),
        &format!("[…2 lines: recall {}]", Handle::of("a")),
        &format!(" […2 lines: recall {handle}]"),
        &format!("[…2 lines: recall {handle}]\n"),
        &format!("[…99999999999999999999999 lines: recall {handle}]"),
    ] {
        assert_eq!(Marker::parse(text), None, "{text:?}");
    }
}

#[test]
fn text_that_almost_holds_markers_is_searched_in_linear_time() {
    let text = "[…2 lines: recall ".repeat(1 << 18);
    assert_eq!(Marker::all_in(&text).count(), 0);
}

#[test]
fn a_forged_marker_is_not_known() {
    let store = MemoryRecall::new();
    let handle = put(&store, "what was left out");
    let marker = |handle: Handle| Marker::new(NonZeroUsize::MIN, Left::Lines, handle.short());
    assert!(marker(handle).is_known(&store).unwrap());
    assert!(!marker(Handle::of("forged")).is_known(&store).unwrap());
}

/// What the documentation says of its price.
#[test]
fn a_marker_costs_about_fourteen_tokens() {
    let counter = Tiktoken::new(Encoding::O200kBase);
    let tokens: usize = (0..500)
        .map(|n: usize| {
            let handle = Handle::of(&n.to_string()).short();
            let marker = Marker::new(NonZeroUsize::new(2 + n % 400).unwrap(), Left::Lines, handle);
            counter.count(&format!("before\n{marker}\nafter")) - counter.count("before\nafter")
        })
        .sum();
    assert!((13 * 500..15 * 500).contains(&tokens), "{tokens} for 500");
}
