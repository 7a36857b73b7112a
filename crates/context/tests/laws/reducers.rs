//! In which order reducers run, and by whose statistics they select.

use std::sync::Arc;

use maniple_context::reducers::{ExactDuplicates, Selection};
use maniple_context::relevance::Query;
use maniple_context::{ContextOptimizer, DropReason, Kind, Priority, Segment};

use crate::contexts::counter;

fn notes(texts: &[&str]) -> Vec<Segment> {
    let note = |(at, text): (usize, &&str)| Segment::new(format!("s{at}"), Kind::Note, *text);
    texts.iter().enumerate().map(note).collect()
}

fn ids(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.id().as_str()).collect()
}

#[test]
fn what_loses_less_runs_first() {
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), 2)
        .with_reducer(Selection::default())
        .with_reducer(ExactDuplicates)
        .build()
        .unwrap();
    let reduced = optimizer.optimize(&notes(&["one two", "one two"]), None).unwrap();
    assert_eq!(ids(&reduced.segments), ["s1"]);
    assert_eq!(reduced.report.dropped[0].reason, DropReason::DuplicateOf("s1".into()));
    assert_eq!(reduced.report.reducers.len(), 1);
}

#[test]
fn of_duplicates_the_pinned_one_stays_or_else_the_last() {
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), 5).build().unwrap();
    let mut context = notes(&["one two", "three", "one two", "one two"]);
    let reduced = optimizer.optimize(&context, None).unwrap();
    assert_eq!(ids(&reduced.segments), ["s1", "s3"]);

    context[0] = context[0].clone().pinned();
    let reduced = optimizer.optimize(&context, None).unwrap();
    assert_eq!(ids(&reduced.segments), ["s0", "s1"]);
}

const THINGS: [&str; 12] = [
    "lamp", "spoon", "ladder", "violin", "kettle", "saddle", "anchor", "needle", "pillow",
    "trumpet", "hammer", "lantern",
];

/// An agent has read a note about each thing.
fn transcript() -> Vec<Segment> {
    let read = |(at, thing): (usize, &&str)| {
        let call = format!(r#"read {{"path":"notes/{at}.txt"}}"#);
        let result = format!("The {thing} hangs behind the clock, in the hall of house {at}.\n");
        let pair = format!("p{at}");
        let call = Segment::tool_call(format!("c{at}"), pair.as_str(), call);
        [call, Segment::tool_result(format!("r{at}"), pair.as_str(), result)]
    };
    THINGS.iter().enumerate().flat_map(read).collect()
}

fn reduced_to(percent: usize, segments: &[Segment], query: &str) -> Vec<Segment> {
    let tokens: usize = segments.iter().map(|segment| segment.tokens(&counter())).sum();
    let builder = ContextOptimizer::builder(Arc::new(counter()), (tokens * percent / 100).max(1));
    let optimizer = builder.without_markers().build().unwrap();
    optimizer.optimize(segments, Some(&Query::new(query))).unwrap().segments
}

#[test]
fn in_a_transcript_what_answers_the_query_stays() {
    for thing in THINGS {
        let reduced = reduced_to(30, &transcript(), &format!("Where is the {thing}?"));
        assert!(reduced.iter().any(|segment| segment.text().contains(thing)), "{thing}");
    }
}

#[test]
fn a_higher_priority_outranks_any_relevance() {
    for segments in [transcript(), notes(&["the lamp is here", "nothing", "a lamp", "no"])] {
        let mut segments = segments;
        for (at, segment) in segments.iter_mut().enumerate() {
            let priority = match at % 4 {
                0 | 1 => Priority::Low,
                2 => Priority::Normal,
                _ => Priority::High,
            };
            *segment = segment.clone().with_priority(priority);
        }
        for percent in [10, 30, 50, 70, 90] {
            let reduced = reduced_to(percent, &segments, "lamp kettle violin");
            let stays = |segment: &&Segment| reduced.iter().any(|other| other.id() == segment.id());
            // A smaller one may fill what is left.
            let tokens = |segment: &Segment| segment.tokens(&counter());
            let of = |priority| segments.iter().filter(move |s| s.priority() == priority);
            let low = of(Priority::Low).filter(stays).map(tokens).max();
            let high = of(Priority::High).filter(|segment| !stays(segment)).map(tokens).min();
            assert!(low.is_none() || high.is_none() || low < high, "{percent} %");
            assert!(percent < 60 || high.is_none(), "{percent} %");
        }
    }
}
