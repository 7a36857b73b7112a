//! The form in which findings are kept, which outlives the code that wrote it.

use maniple_context::{ContextAccumulator, Finding, LineRange, Source, Topic};
use proptest::prelude::*;

use crate::findings::{findings, found};

const GOLDEN: &str = include_str!("golden/v1.json");

fn every_form() -> ContextAccumulator {
    let lines = LineRange::new(10, 12).unwrap();
    [
        Finding::new(Topic::Structure, "explore", "Two crates.\n"),
        Finding::new(Topic::Semantics, "explore", "A pool keeps connections.").with_title("Pool"),
        Finding::new(Topic::History, "explore", "It was a list.")
            .with_source(Source::new("CHANGELOG.md")),
        Finding::new(Topic::Discovery, "plan", "It leaks \"sockets\".")
            .with_title("Leak")
            .with_source(Source::new("src/pool.rs").with_lines(lines)),
        Finding::new(Topic::Constraint, "plan", "Keep the API."),
    ]
    .into_iter()
    .collect()
}

#[test]
fn the_first_format_is_read_and_written() {
    let found = every_form();
    assert_eq!(serde_json::to_string_pretty(&found).unwrap(), GOLDEN.trim_end());
    assert_eq!(serde_json::from_str::<ContextAccumulator>(GOLDEN).unwrap(), found);
}

#[test]
fn a_later_format_is_refused_by_its_version() {
    let later = GOLDEN.replace("\"version\": 1", "\"version\": 2");
    // With topics that are not known yet, or in another form.
    let topics = later.replace("discovery", "rumour");
    for later in [&later, &topics, r#"{"findings":{"in":"packs"},"version":2}"#, r#"{"version":2}"#]
    {
        let error = serde_json::from_str::<ContextAccumulator>(later).unwrap_err().to_string();
        assert!(error.starts_with("the findings are of format 2"), "{error}");
    }
    let unknown = GOLDEN.replace("discovery", "rumour");
    let error = serde_json::from_str::<ContextAccumulator>(&unknown).unwrap_err().to_string();
    assert!(error.contains("rumour"), "{error}");
    assert!(serde_json::from_str::<ContextAccumulator>(r#"{"findings":[]}"#).is_err());
}

proptest! {
    #[test]
    fn what_is_kept_comes_back(findings in findings()) {
        let found = found(&findings);
        let text = serde_json::to_string(&found).unwrap();
        let back: ContextAccumulator = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &found);
        for (finding, original) in back.findings().iter().zip(found.findings()) {
            prop_assert_eq!(finding.id(), original.id());
            prop_assert_eq!(back.get(original.id()), Some(original));
        }
    }
}
