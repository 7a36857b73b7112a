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
        let shorter: usize = report.shortened.iter().map(|s| s.before - s.after).sum();
        let ids: BTreeSet<_> = case.segments.iter().map(Segment::id).collect();
        let added = reduced.segments.iter().filter(|segment| !ids.contains(segment.id()));
        let added: usize = added.map(|segment| segment.tokens(&counter())).sum();
        prop_assert_eq!(report.before + added - gone - shorter, report.after);

        let mut at = report.before;
        for reducer in &report.reducers {
            prop_assert_eq!(reducer.before, at);
            prop_assert!(reducer.after <= reducer.before);
            at = reducer.after;
            let own = report.dropped.iter().filter(|dropped| dropped.reducer == reducer.name);
            prop_assert_eq!(own.count(), reducer.dropped);
        }
        let markers: usize = report.markers.iter().map(|marker| marker.tokens).sum();
        prop_assert!((at + markers).abs_diff(report.after) <= 2 * report.markers.len());
    }

    #[test]
    fn nothing_is_lost(case in cases()) {
        let optimizer = case.optimizer();
        let Ok(reduced) = optimizer.optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let given: BTreeSet<_> = case.segments.iter().map(Segment::id).collect();
        let staying = reduced.segments.iter().map(Segment::id).filter(|id| given.contains(id));
        let dropped = reduced.report.dropped.iter().map(|dropped| &dropped.id);
        prop_assert_eq!(staying.clone().count() + dropped.clone().count(), given.len());
        prop_assert_eq!(staying.chain(dropped).collect::<BTreeSet<_>>(), given);

        let dropped = reduced.report.dropped.iter().map(|dropped| (&dropped.id, dropped.handle));
        let shortened = reduced.report.shortened.iter().map(|short| (&short.id, short.handle));
        for (id, handle) in dropped.chain(shortened) {
            let original = case.segments.iter().find(|segment| segment.id() == id).unwrap();
            let recalled = optimizer.recall(&handle).unwrap();
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
