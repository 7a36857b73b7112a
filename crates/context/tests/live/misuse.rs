//! What is refused.

use maniple_context::{ContextError, Kind, LiveContext, LiveSnapshot, Priority, Segment};

use crate::transcripts::{live, numbered, optimizer};

#[test]
fn marks_lie_in_the_window_the_low_one_below() {
    for (low, high) in
        [(0.0, 0.5), (0.5, 0.5), (0.6, 0.5), (0.5, 1.1), (-0.1, 0.5), (f64::NAN, 0.5)]
    {
        match live(1_000).with_marks(low, high) {
            Err(ContextError::NoMarks { low: found_low, high: found_high }) => {
                assert_eq!(
                    (found_low.to_bits(), found_high.to_bits()),
                    (low.to_bits(), high.to_bits())
                );
            }
            other => panic!("{other:?} for {low} and {high}"),
        }
    }
    assert!(live(1_000).with_marks(0.1, 1.0).is_ok());
}

#[test]
fn the_marks_say_when_and_how_far() {
    let text = numbered("the table", 7);
    for (low, high) in [(0.2, 0.4), (0.5, 1.0)] {
        let mut live = live(1_000).with_marks(low, high).unwrap();
        for n in 0..60 {
            live.push(Segment::new(format!("s{n}"), Kind::User, text.as_str())).unwrap();
            let pushed = f64::from(u32::try_from(live.tokens()).unwrap());
            let turn = live.turn(None).unwrap();
            assert_eq!(turn.compaction.is_some(), pushed > high * 1_000.0);
            if turn.compaction.is_some() {
                assert!(f64::from(u32::try_from(turn.tokens).unwrap()) <= low * 1_000.0);
            }
        }
        assert!(live.tokens() < live.unreduced());
    }
}

#[test]
fn no_id_twice() {
    let mut live = live(1_000);
    live.push(Segment::new("a", Kind::User, "one")).unwrap();
    let before = live.snapshot();
    match live.push(Segment::new("a", Kind::User, "two")) {
        Err(ContextError::DuplicateId { id, first: 0, second: 1 }) => assert_eq!(id.as_str(), "a"),
        other => panic!("{other:?}"),
    }
    assert_eq!(live.snapshot(), before);
}

#[test]
fn no_result_without_a_call() {
    let mut live = live(1_000);
    for result in
        [Segment::tool_result("r", "p", "found"), Segment::new("r", Kind::ToolResult, "found")]
    {
        let before = live.snapshot();
        match live.push(result.clone()) {
            Err(ContextError::ResultWithoutCall { id, pair }) => {
                assert_eq!((&id, pair.as_ref()), (result.id(), result.pair()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(live.snapshot(), before);
    }
}

#[test]
fn no_pair_for_two_calls() {
    let mut live = live(1_000);
    live.push(Segment::tool_call("a", "p", "find")).unwrap();
    match live.push(Segment::tool_call("b", "p", "find")) {
        Err(ContextError::PairReused { pair, first, second }) => {
            assert_eq!((pair.as_str(), first.as_str(), second.as_str()), ("p", "a", "b"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_left_the_window_is_free_again() {
    let mut live = live(300);
    let text = numbered("the table", 8);
    let mut again = 0;
    for n in 0..200 {
        let is_there = live.segments().iter().any(|segment| segment.id().as_str() == "call");
        if is_there {
            assert!(live.push(Segment::tool_call("call", "other", "find it")).is_err());
            assert!(live.push(Segment::tool_call("other", "pair", "find it")).is_err());
        } else {
            let call = Segment::tool_call("call", "pair", numbered("a call", 6));
            live.push(call.with_priority(Priority::Low)).unwrap();
            let result = Segment::tool_result("result", "pair", text.as_str());
            live.push(result.with_priority(Priority::Low)).unwrap();
            again += 1;
        }
        live.push(Segment::new(format!("m{n}"), Kind::Assistant, format!("{n}: {text}"))).unwrap();
        live.turn(None).unwrap();
    }
    assert!((2..150).contains(&again), "{again}");
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let mut live = live(1_000);
    live.push(Segment::new("a", Kind::User, "one")).unwrap();
    live.turn(None).unwrap();
    let json = serde_json::to_value(live.snapshot()).unwrap();
    let restored = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        change(&mut json);
        let snapshot = serde_json::from_value(json).unwrap();
        LiveContext::restore(optimizer(1_000), snapshot)
    };
    assert!(restored(&|_| {}).is_ok());
    match restored(&|json| json["sent"] = 2.into()) {
        Err(ContextError::SnapshotDamaged { sent: 2, segments: 1 }) => {}
        other => panic!("{other:?}"),
    }
    let twice = |json: &mut serde_json::Value| {
        let first = json["segments"][0].clone();
        json["segments"].as_array_mut().unwrap().push(first);
    };
    assert!(matches!(restored(&twice), Err(ContextError::DuplicateId { .. })));
    // Marks that `with_marks` would not take.
    for (low, high) in [(1_000_001, 1_000_002), (0, 500_000), (500_000, 500_000), (2, 1)] {
        let mut marks = json.clone();
        marks["marks"] = serde_json::json!({"low": low, "high": high});
        let refused = serde_json::from_value::<LiveSnapshot>(marks);
        assert!(refused.is_err(), "{low} and {high}");
    }
}

#[test]
fn a_snapshot_of_a_later_format_is_refused_by_its_number_whatever_else_it_says() {
    let mut later = serde_json::to_value(live(1_000).snapshot()).unwrap();
    later["format"] = 2.into();
    for segments in [serde_json::json!([]), serde_json::json!({"kept": "elsewhere"})] {
        later["segments"] = segments;
        let error = serde_json::from_value::<LiveSnapshot>(later.clone()).unwrap_err().to_string();
        assert!(error.starts_with("the snapshot is of format 2"), "{error}");
    }
    assert!(serde_json::from_str::<LiveSnapshot>(r#"{"segments":[]}"#).is_err());
}

#[test]
fn a_snapshot_with_counts_beyond_all_reason_neither_panics_nor_stops() {
    let mut live = live(1_000);
    live.push(Segment::new("a", Kind::User, "one")).unwrap();
    live.turn(None).unwrap();
    let json = serde_json::to_value(live.snapshot()).unwrap();
    for name in ["compacted", "turns", "unreduced"] {
        let mut json = json.clone();
        json[name] = usize::MAX.into();
        let snapshot = serde_json::from_value(json).unwrap();
        let mut live = LiveContext::restore(optimizer(1_000), snapshot).unwrap();
        for n in 0..60 {
            let text = numbered("the table", 7);
            live.push(Segment::new(format!("s{n}"), Kind::User, text)).unwrap();
            assert!(live.turn(None).unwrap().tokens <= 1_000, "{name}");
        }
    }
}
