//! What stays, and how.

use std::collections::BTreeMap;

use maniple_context::SegmentId;
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
    fn what_stays_is_unchanged_and_in_order(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let mut originals = case.segments.iter();
        for staying in &reduced.segments {
            prop_assert!(originals.any(|original| original == staying), "{:?}", staying.id());
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
