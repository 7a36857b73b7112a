//! A little of what the fuzz targets in `fuzz/` do for as long as they are let.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::bytes::{import, nearly_a_chunk, nearly_an_export, open_chunk};
use crate::model::config;

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn any_bytes_are_a_log_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(!open_chunk(&bytes));
    }

    #[test]
    fn nearly_a_log_is_one_or_refused(script in vec(any::<u8>(), 0..40)) {
        open_chunk(&nearly_a_chunk(&script));
    }

    #[test]
    fn any_bytes_are_an_export_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(!import(&bytes));
    }

    #[test]
    fn nearly_an_export_is_one_or_refused(script in vec(any::<u8>(), 0..40)) {
        import(&nearly_an_export(&script));
    }
}

#[test]
fn what_is_not_changed_is_opened() {
    // Otherwise the others would test nothing but refusal.
    for unchanged in [&[][..], &[0], &[1]] {
        assert!(open_chunk(&nearly_a_chunk(unchanged)));
        assert!(import(&nearly_an_export(unchanged)));
    }
    let says_something_else = b"\x02{\"seq\":0,\"time\":1,\"schema\":1,\"synced\":0,\"action\":{\"error\":{\"text\":\"\"}}}";
    assert!(open_chunk(&nearly_a_chunk(says_something_else)));
}

#[test]
fn a_log_that_leaves_no_number_for_the_next_action_is_refused() {
    let state = r#"{"values":{},"tasks":{},"checkpoints":{},"tags":[],"journal_records":0}"#;
    let head = "0".repeat(64);
    for (last, is_opened) in [(1_000_000, true), (u64::MAX - 1, false), (u64::MAX, false)] {
        let gap =
            format!(r#"{{"seq":{last},"gap":{{"first":0,"head":"{head}","state":{state}}}}}"#);
        let chunk = nearly_a_chunk(&[b"\x02", gap.as_bytes()].concat());
        assert_eq!(open_chunk(&chunk), is_opened, "{last}");
    }
}
