//! What goes where, by its size.

use std::sync::Arc;

use maniple_context::{
    AccumulatorError, ContextAccumulator, Finding, Injection, Kind, Marker, RecallStore, Role,
    Segment, Tier, Tiers, Topic,
};
use maniple_core::{Class, Classify};
use proptest::prelude::*;

use crate::findings::{findings, found, injector, limits};

/// Findings of so many bytes as they are injected, in lines of a text that repeats itself little.
fn of_bytes(bytes: usize) -> ContextAccumulator {
    let frame = "Structure\n".len() + "\n".len();
    let line = |n| format!("Module m{n} calls f{} and keeps {} rows.\n", n * n, n * 7919 % 101);
    let mut text: String = (0..=bytes / 20).map(line).collect();
    text.truncate(bytes - frame);
    [Finding::new(Topic::Structure, "explore", text)].into_iter().collect()
}

fn injected(bytes: usize) -> Injection {
    let injection = of_bytes(bytes).inject(None, &injector().0).unwrap();
    assert_eq!(injection.report.bytes, bytes);
    injection
}

#[test]
fn the_limits_are_those_that_are_stated() {
    let expected = [
        (12, Tier::System),
        (1_023, Tier::System),
        (1_024, Tier::Task),
        (10_239, Tier::Task),
        (10_240, Tier::Reference),
        (51_200, Tier::Reference),
        (51_201, Tier::Summary),
        (200_000, Tier::Summary),
    ];
    for (bytes, tier) in expected {
        assert_eq!(injected(bytes).report.tier, Some(tier), "{bytes} bytes");
    }
}

#[test]
fn each_tier_has_its_kind_and_role() {
    let of = |bytes| {
        let segments = injected(bytes).segments;
        segments.iter().map(|segment| (segment.kind(), segment.role())).collect::<Vec<_>>()
    };
    assert_eq!(of(1_023), [(Kind::System, Role::System)]);
    assert_eq!(of(10_239), [(Kind::Note, Role::User)]);
    assert_eq!(of(10_240), [(Kind::Note, Role::User)]);
    let summary = of(51_201);
    assert!(summary.len() > 1, "the note and the summary");
    assert!(summary.iter().all(|what| *what == (Kind::Note, Role::User)));
}

#[test]
fn a_summary_has_at_most_its_tokens_and_stands_beside_the_reference() {
    let counter = Arc::new(crate::findings::Bytes);
    let (injector, _) = injector();
    let injector = injector.with_summary_tokens(3_000.try_into().unwrap());
    let injection = of_bytes(60_000).inject(None, &injector).unwrap();
    let [note, summary @ ..] = &*injection.segments else { panic!("nothing is injected") };
    assert!(note.text().contains("recall"), "{}", note.text());
    let tokens: usize = summary.iter().map(|segment| segment.tokens(&*counter)).sum();
    assert!(tokens > 1_500 && tokens <= 3_000, "{tokens}");
    assert!(summary.iter().any(|segment| segment.text().contains("[…")), "there are markers");
}

#[test]
fn what_a_summary_leaves_out_is_kept_too() {
    let (injector, store) = injector();
    let all = of_bytes(60_000);
    let injection = all.inject(None, &injector).unwrap();
    let texts = injection.segments.iter().map(Segment::text);
    let markers: Vec<Marker> =
        texts.flat_map(|text| Marker::all_in(text).map(|(_, marker)| marker)).collect();
    assert!(markers.len() > 1, "that of the reference, and those of the summary");
    for marker in markers {
        let text = store.get(&store.find(marker.handle()).unwrap()).unwrap();
        let whole = format!("Structure\n{}\n", all.findings()[0].text());
        assert!(whole.contains(&*text), "{text}");
    }
}

#[test]
fn limits_that_descend_are_refused() {
    for (system, task, reference) in [(2, 1, 3), (1, 3, 2), (3, 2, 1), (1, 0, 0)] {
        let error = Tiers::new(system, task, reference).unwrap_err();
        assert!(matches!(
            error,
            AccumulatorError::Descending { system: a, task: b, reference: c }
                if (a, b, c) == (system, task, reference)
        ));
        assert_eq!(error.class(), Class::Permanent);
    }
    let error = Tiers::new(2, 1, 3).unwrap_err().to_string();
    assert!(
        error.starts_with("the limits of the tiers, 2, 1 and 3 bytes, do not ascend"),
        "{error}"
    );
}

#[test]
fn of_equal_limits_nothing_is_of_the_tier_between() {
    let tiers = Tiers::new(0, 8, 8).unwrap();
    assert_eq!(
        [0, 7, 8, 9].map(|bytes| tiers.of(bytes)),
        [Tier::Task, Tier::Task, Tier::Reference, Tier::Summary,]
    );
}

proptest! {
    #[test]
    fn the_tier_follows_from_the_bytes(findings in findings(), tiers in limits()) {
        let (injector, store) = injector();
        let injection = found(&findings).inject(None, &injector.with_tiers(tiers)).unwrap();
        let report = &injection.report;
        // The bytes are those of the segments that would stand in the task.
        let plain = found(&findings).inject(None, &crate::findings::injector().0
            .with_tiers(Tiers::new(0, usize::MAX, usize::MAX).unwrap())).unwrap();
        let others = plain.segments.iter().filter(|segment| segment.kind() == Kind::Note);
        let bytes: usize = others.map(|segment| segment.text().len()).sum();
        prop_assert_eq!(report.bytes, bytes);

        let is_there = findings.iter().any(|finding| finding.topic() != Topic::Constraint);
        prop_assert_eq!(report.tier, is_there.then(|| tiers.of(bytes)));
        let refers = matches!(report.tier, Some(Tier::Reference | Tier::Summary));
        prop_assert_eq!(report.reference.is_some(), refers);
        if let Some(handle) = &report.reference {
            prop_assert_eq!(store.get(handle).unwrap().len(), bytes);
        }
        let mut tokens = 0;
        for segment in &injection.segments {
            tokens += segment.text().len();
        }
        prop_assert_eq!(report.tokens, tokens);
    }
}
