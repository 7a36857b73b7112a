//! What holds for everything that is injected.

use std::collections::BTreeSet;

use maniple_context::{Finding, Handle, Injection, Kind, RecallStore, Role, Tier, Topic};
use proptest::prelude::*;

use crate::findings::{findings, found, injector, limits, questions};

/// The text as the documentation says it is injected.
fn written(finding: &Finding) -> String {
    let end = if finding.text().ends_with('\n') { "" } else { "\n" };
    format!("{}\n{}{end}", finding.heading(), finding.text())
}

fn ids(weighed: &[maniple_context::Weighed]) -> Vec<String> {
    weighed.iter().map(|weighed| weighed.id.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_is_lost_and_all_keeps_its_order(
        findings in findings(), query in questions(), tiers in limits(),
    ) {
        let found = found(&findings);
        let (injector, store) = injector();
        let injection = found.inject(query.as_ref(), &injector.with_tiers(tiers)).unwrap();
        let Injection { segments, report, .. } = &injection;

        // Each finding once, by topic and in the order of adding.
        let mut expected: Vec<&Finding> = Vec::new();
        for topic in crate::findings::TOPICS {
            expected.extend(found.findings().iter().filter(|finding| finding.topic() == topic));
        }
        let all: BTreeSet<String> = expected.iter().map(|finding| finding.id().to_string()).collect();
        let (passed, left_out) = (ids(&report.passed), ids(&report.left_out));
        let reported: BTreeSet<String> = passed.iter().chain(&left_out).cloned().collect();
        prop_assert_eq!(&reported, &all);
        prop_assert_eq!(passed.len() + left_out.len(), found.len());
        for some in [&passed, &left_out] {
            let in_order = expected.iter().map(|finding| finding.id().to_string());
            let in_order: Vec<_> = in_order.filter(|id| some.contains(id)).collect();
            prop_assert_eq!(some, &in_order);
        }

        // What passed is in the context or in the store, byte for byte.
        let passed: Vec<&Finding> =
            expected.iter().filter(|finding| passed.contains(&finding.id().to_string())).copied().collect();
        let (constraints, others): (Vec<&Finding>, Vec<&Finding>) =
            passed.iter().partition(|finding| finding.topic() == Topic::Constraint);
        let texts: Vec<&str> = segments.iter().map(|segment| &**segment.text()).collect();
        let (first, rest) = texts.split_at(constraints.len());
        let whole: Vec<String> = constraints.iter().map(|finding| written(finding)).collect();
        prop_assert_eq!(first, &whole);
        let whole: Vec<String> = others.iter().map(|finding| written(finding)).collect();
        match report.tier {
            None => prop_assert!(others.is_empty() && rest.is_empty()),
            Some(Tier::System | Tier::Task) => prop_assert_eq!(rest, &whole),
            Some(_) => {
                let handle = report.reference.unwrap();
                prop_assert_eq!(handle, Handle::of(&whole.concat()));
                prop_assert_eq!(&*store.get(&handle).unwrap(), &*whole.concat());
                let marker = format!(": recall {}]", handle.short());
                prop_assert!(rest[0].contains(&marker));
                prop_assert!(segments[constraints.len()].is_pinned());
            }
        }
        let constraint_bytes: usize = first.iter().map(|text| text.len()).sum();
        prop_assert_eq!(report.constraint_bytes, constraint_bytes);

        // Ids are unique, so that it is a context.
        let unique: BTreeSet<_> = segments.iter().map(maniple_context::Segment::id).collect();
        prop_assert_eq!(unique.len(), segments.len());
    }

    #[test]
    fn constraints_are_always_whole_and_pinned(
        findings in findings(), query in questions(), tiers in limits(),
    ) {
        let found = found(&findings);
        let injection = found.inject(query.as_ref(), &injector().0.with_tiers(tiers)).unwrap();
        for finding in found.findings().iter().filter(|f| f.topic() == Topic::Constraint) {
            let segment = injection.segments.iter().find(|segment| segment.id() == finding.id());
            let segment = segment.unwrap();
            prop_assert!(segment.text().contains(&**finding.text()));
            prop_assert!(segment.is_pinned());
            prop_assert_eq!((segment.kind(), segment.role()), (Kind::Instruction, Role::System));
        }
    }

    #[test]
    fn injecting_again_gives_the_same_bytes(
        findings in findings(), query in questions(), tiers in limits(),
    ) {
        let found = found(&findings);
        let (injector, _) = injector();
        let injector = injector.with_tiers(tiers);
        let first = found.inject(query.as_ref(), &injector).unwrap();
        prop_assert_eq!(&found.inject(query.as_ref(), &injector).unwrap(), &first);
        // So does another process, with a store of its own.
        let elsewhere = crate::findings::injector().0.with_tiers(tiers);
        prop_assert_eq!(&found.inject(query.as_ref(), &elsewhere).unwrap(), &first);
    }

    #[test]
    fn what_is_found_again_is_what_was_found_first(findings in findings(), again in findings()) {
        let mut all = found(&findings);
        let once = all.clone();
        for finding in &findings {
            prop_assert!(!all.add(finding.clone().with_title("Another title")));
        }
        prop_assert_eq!(&all, &once);

        for finding in &again {
            let is_known = all.findings().iter().any(|known| {
                known.topic() == finding.topic() && known.text() == finding.text()
            });
            prop_assert_eq!(all.add(finding.clone()), !is_known);
        }
        prop_assert_eq!(&all.findings()[..once.len()], once.findings());
    }
}

#[test]
fn one_text_under_two_topics_is_two_findings() {
    let of = |topic| Finding::new(topic, "explore", "The pool is shared.");
    let found = found(&[of(Topic::Structure), of(Topic::Constraint), of(Topic::Structure)]);
    assert_eq!(found.len(), 2);
}
