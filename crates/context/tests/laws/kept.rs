//! What stays, and how.

use std::collections::BTreeMap;

use maniple_context::{Kind, Marker, Segment, SegmentId};
use proptest::prelude::*;

use crate::contexts::cases;

proptest! {
    #[test]
    fn pinned_and_pending_stay_byte_for_byte(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        for id in case.kept() {
            let original = case.segments.iter().find(|segment| segment.id() == id);
            let staying = reduced.segments.iter().find(|segment| segment.id() == id);
            prop_assert_eq!(original, staying);
        }
    }

    #[test]
    fn what_stays_keeps_its_order_and_is_whole_or_reported(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let mut originals = case.segments.iter();
        for staying in &reduced.segments {
            if staying.kind() == Kind::Note && Marker::parse(staying.text()).is_some() {
                continue;
            }
            let original = originals.find(|original| original.id() == staying.id());
            prop_assert!(original.is_some(), "{:?}", staying.id());
            let shortened = reduced.report.shortened.iter().any(|s| s.id == *staying.id());
            prop_assert!(shortened || original == Some(staying), "{:?}", staying.id());
        }
    }

    #[test]
    fn what_is_left_of_arguments_is_json_with_the_same_keys(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        for staying in reduced.segments.iter().filter(|s| s.kind() == Kind::ToolCall) {
            let original = case.segments.iter().find(|s| s.id() == staying.id()).unwrap();
            prop_assert_eq!(keys(original), keys(staying));
        }
    }

    #[test]
    fn a_call_and_its_result_live_and_die_together(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let stays = |id: &SegmentId| reduced.segments.iter().any(|segment| segment.id() == id);
        let mut fates = BTreeMap::new();
        for segment in &case.segments {
            if let Some(pair) = segment.pair() {
                let fate = *fates.entry(pair).or_insert_with(|| stays(segment.id()));
                prop_assert_eq!(fate, stays(segment.id()), "{:?}", segment.id());
            }
        }
    }
}

fn keys(call: &Segment) -> Option<Vec<String>> {
    let arguments = call.text().split_once(' ')?.1;
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(arguments).ok()?;
    Some(object.into_iter().map(|(key, _)| key).collect())
}
