//! In which order reducers run, and by whose statistics they select.

use std::sync::Arc;

use maniple_context::reducers::{ExactDuplicates, Selection};
use maniple_context::{ContextOptimizer, DropReason, Kind, Segment};

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
