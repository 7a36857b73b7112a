//! Findings and injectors as a strategy makes them.

use std::sync::Arc;

use maniple_context::relevance::Query;
use maniple_context::{
    ContextAccumulator, Finding, Injector, LineRange, MemoryRecall, Source, Tiers, TokenCounter,
    Topic,
};
use proptest::prelude::*;

pub(crate) const TOPICS: [Topic; 5] =
    [Topic::Constraint, Topic::Structure, Topic::Semantics, Topic::History, Topic::Discovery];

/// Counts bytes, which is exact and takes no time.
#[derive(Debug)]
pub(crate) struct Bytes;

impl TokenCounter for Bytes {
    fn count(&self, text: &str) -> usize {
        text.len()
    }

    fn encoding(&self) -> &'static str {
        "bytes"
    }

    fn is_cut_safe(&self, before: &str, after: &str) -> bool {
        !before.is_empty() && !after.is_empty()
    }
}

pub(crate) fn injector() -> (Injector, Arc<MemoryRecall>) {
    let store = Arc::new(MemoryRecall::new());
    (Injector::new(Arc::new(Bytes), store.clone()), store)
}

/// Limits that generated findings fall below and rise above, from none to a few thousand bytes.
pub(crate) fn limits() -> impl Strategy<Value = Tiers> {
    proptest::collection::vec(0..2_000_usize, 3).prop_map(|mut limits| {
        limits.sort_unstable();
        Tiers::new(limits[0], limits[1], limits[2]).unwrap()
    })
}

pub(crate) fn findings() -> impl Strategy<Value = Vec<Finding>> {
    proptest::collection::vec(finding(), 0..14)
}

pub(crate) fn found(findings: &[Finding]) -> ContextAccumulator {
    findings.iter().cloned().collect()
}

pub(crate) fn questions() -> impl Strategy<Value = Option<Query>> {
    prop_oneof![
        Just(None),
        Just(Some("")),
        Just(Some("of the")),
        Just(Some("How are retries of a connection counted?")),
        Just(Some("weather")),
        Just(Some("pool retry 語")),
        Just(Some("nobody says this")),
    ]
    .prop_map(|question| question.map(Query::new))
}

fn finding() -> impl Strategy<Value = Finding> {
    let topic = proptest::sample::select(&TOPICS[..]);
    let title = prop_oneof![
        Just(None),
        Just(Some("Retries".to_owned())),
        Just(Some("the pool".to_owned())),
        Just(Some("two\nlines".to_owned())),
        "[a-z语 ]{0,150}".prop_map(Some),
    ];
    let source = prop_oneof![
        Just(None),
        Just(Some(Source::new("src/retry.rs"))),
        Just(Some(Source::new("src/pool.rs").with_lines(LineRange::new(3, 9).unwrap()))),
    ];
    (topic, "explore|plan|build", texts(), title, source).prop_map(
        |(topic, phase, text, title, source)| {
            let finding = Finding::new(topic, phase, text);
            let finding = match title {
                Some(title) => finding.with_title(title),
                None => finding,
            };
            match source {
                Some(source) => finding.with_source(source),
                None => finding,
            }
        },
    )
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("The same, found again and again.".to_owned()),
        "(retry |connection |count |weather |pool |语 |the ){1,12}",
        "(Retries of a connection\\. |The weather was fine\\. |It counts\\.\n){1,40}",
        r"\PC{0,30}",
        r"[語é🦀\u{301} \n\r\t]{0,20}",
        Just("[…12 lines: recall 0123456789ab]\n".to_owned()),
    ]
}
