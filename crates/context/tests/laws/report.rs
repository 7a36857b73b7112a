//! What is reported, and what can be recalled.

use std::collections::BTreeSet;
use std::time::Duration;

use maniple_context::{DropReason, Kind, ReducedContext, Segment};
use proptest::prelude::*;

use crate::contexts::{Case, cases, counter, tokens};

fn bytes_without_times(mut reduced: ReducedContext) -> String {
    for reducer in &mut reduced.report.reducers {
        reducer.time = Duration::ZERO;
    }
    serde_json::to_string(&(reduced.segments, reduced.report)).unwrap()
}

proptest! {
    #[test]
    fn it_adds_up(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let report = &reduced.report;
        prop_assert_eq!(report.budget, case.budget);
        prop_assert_eq!(report.before, tokens(&case.segments));
        prop_assert_eq!(report.after, tokens(&reduced.segments));
        let gone: usize = report.dropped.iter().map(|dropped| dropped.tokens).sum();
        prop_assert_eq!(report.before - gone, report.after);

        let mut at = report.before;
        for reducer in &report.reducers {
            prop_assert_eq!(reducer.before, at);
            at = reducer.after;
            let own = report.dropped.iter().filter(|dropped| dropped.reducer == reducer.name);
            prop_assert_eq!(own.clone().count(), reducer.dropped);
            let own_tokens: usize = own.map(|dropped| dropped.tokens).sum();
            prop_assert_eq!(reducer.before - own_tokens, reducer.after);
        }
        prop_assert_eq!(at, report.after);
    }

    #[test]
    fn nothing_is_lost(case in cases()) {
        let optimizer = case.optimizer();
        let Ok(reduced) = optimizer.optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let staying = reduced.segments.iter().map(Segment::id);
        let dropped = reduced.report.dropped.iter().map(|dropped| &dropped.id);
        let all: Vec<_> = case.segments.iter().map(Segment::id).collect();
        prop_assert_eq!(staying.clone().count() + dropped.clone().count(), all.len());
        prop_assert_eq!(staying.chain(dropped).collect::<BTreeSet<_>>(), all.into_iter().collect());

        for dropped in &reduced.report.dropped {
            let original = case.segments.iter().find(|s| *s.id() == dropped.id).unwrap();
            let recalled = optimizer.recall(&dropped.handle).unwrap();
            prop_assert_eq!(recalled.as_bytes(), original.text().as_bytes());
        }
    }

    #[test]
    fn a_duplicate_names_the_same_text_and_no_turn_is_one(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        for dropped in &reduced.report.dropped {
            let DropReason::DuplicateOf(twin) = &dropped.reason else { continue };
            let find = |id| case.segments.iter().find(|segment| segment.id() == id).unwrap();
            let (original, twin) = (find(&dropped.id), find(twin));
            prop_assert_ne!(original.id(), twin.id());
            prop_assert_eq!((original.kind(), original.text()), (twin.kind(), twin.text()));
            prop_assert!(!matches!(original.kind(), Kind::User | Kind::Assistant));
        }
    }

    #[test]
    fn the_same_case_gives_the_same_bytes(case in cases()) {
        let uncounted = Case {
            // A copy through JSON has forgotten its counts.
            segments: serde_json::from_str(&serde_json::to_string(&case.segments).unwrap()).unwrap(),
            ..case.clone()
        };
        for segment in &case.segments {
            segment.tokens(&counter());
        }
        let first = case.optimizer().optimize(&case.segments, case.query.as_ref());
        let second = uncounted.optimizer().optimize(&uncounted.segments, case.query.as_ref());
        match (first, second) {
            (Ok(first), Ok(second)) => {
                prop_assert_eq!(bytes_without_times(first), bytes_without_times(second));
            }
            (first, second) => {
                prop_assert_eq!(first.unwrap_err().to_string(), second.unwrap_err().to_string());
            }
        }
    }
}
