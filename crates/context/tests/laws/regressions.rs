//! Contexts that once broke a law.

use std::sync::Arc;

use maniple_context::reducers::{NearDuplicates, Selection, StaleResults};
use maniple_context::{
    ContextOptimizer, Kind, Marker, MemoryRecall, Priority, RecallStore, Segment, TokenCounter,
};

use crate::contexts::{counter, tokens};

fn optimizer(budget: usize) -> ContextOptimizer {
    ContextOptimizer::builder(Arc::new(counter()), budget).build().unwrap()
}

fn ids(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.id().as_str()).collect()
}

#[test]
fn the_frame_of_a_call_counts_beside_its_settled_result() {
    let command = format!(r#"run {{"command": "{}"}}"#, "echo word; ".repeat(200));
    let rows: Vec<String> =
        (0..40).map(|n| format!(r#"{{"id": {n}, "name": "pool {n}", "state": "open"}}"#)).collect();
    let context = [
        Segment::tool_call("c", "p", command),
        Segment::tool_result("r", "p", format!("[{}]", rows.join(",\n"))),
        Segment::new("task", Kind::User, "Which pool is closed?"),
    ];
    for budget in [100, 300, 500, 700] {
        let reduced = optimizer(budget).optimize(&context, None).unwrap();
        assert!(tokens(&reduced.segments) <= budget);
    }
}

#[test]
fn a_marker_is_found_again_wherever_it_stands() {
    let store = Arc::new(MemoryRecall::new());
    let gone = "What was here before.";
    let handle = maniple_context::Handle::of(gone);
    store.put(&handle, &gone.into()).unwrap();
    let marker = Marker::new(9.try_into().unwrap(), maniple_context::Left::Lines, handle.short());
    let line = "The pool was opened and then it was closed again by somebody.\n";
    let context = [
        Segment::new("path", Kind::File, format!("{marker}\n/usr/lib\n{}", line.repeat(2))),
        Segment::new("inside", Kind::File, format!("One. {marker} Two more.\n{line}")),
        Segment::tool_call(
            "c",
            "p",
            format!(r#"write {{"text":"{marker}","a":"b\n{marker}\nc"}}"#),
        ),
        Segment::tool_result("r", "p", "ok"),
    ];
    let budget = tokens(&context) - 1;
    let reduced = ContextOptimizer::builder(Arc::new(counter()), budget)
        .with_recall_store(store)
        .build()
        .unwrap()
        .optimize(&context, None)
        .unwrap();
    for segment in &reduced.segments {
        assert!(!segment.text().contains(&marker.to_string()), "{}", segment.text());
    }
    assert_eq!(&*reduced.report.reducers[0].name, "markers");
    assert_eq!(reduced.report.reducers.len(), 1);
    assert_eq!(&**reduced.segments[2].text(), r#"write {"text":"","a":"b\nc"}"#);
}

#[test]
fn of_duplicates_one_of_the_highest_priority_stays() {
    let copy = |id: &str| Segment::new(id, Kind::Note, "one two");
    let context = [copy("a").with_priority(Priority::High), copy("b").with_priority(Priority::Low)];
    assert_eq!(ids(&optimizer(2).optimize(&context, None).unwrap().segments), ["a"]);
}

#[test]
fn of_many_near_duplicates_one_stays() {
    let text = |n: usize| {
        let words = (0..200).map(|k| if k == n { format!("{n} ") } else { format!("word{k} ") });
        words.collect::<String>()
    };
    let context: Vec<Segment> =
        (0..60).map(|n| Segment::new(format!("s{n}"), Kind::File, text(n))).collect();
    let reduced = ContextOptimizer::builder(Arc::new(counter()), tokens(&context[..2]))
        .with_reducer(NearDuplicates)
        .build()
        .unwrap()
        .optimize(&context, None)
        .unwrap();
    assert!(reduced.report.after <= tokens(&context[..2]));
}

#[test]
fn a_result_stays_while_the_same_call_is_pending() {
    let result = "The only answer that there is so far. ".repeat(5);
    let context = [
        Segment::tool_call("a", "p", "run {}"),
        Segment::tool_result("r", "p", result),
        Segment::tool_call("b", "q", "run {}"),
    ];
    let error = ContextOptimizer::builder(Arc::new(counter()), 20)
        .with_reducer(StaleResults)
        .build()
        .unwrap()
        .optimize(&context, None)
        .unwrap_err();
    assert!(error.to_string().contains("left after every reducer"), "{error}");
}

/// Half a token a line, rounded down, so that what costs nothing alone costs something together.
#[derive(Debug)]
struct HalfLines;

impl TokenCounter for HalfLines {
    fn count(&self, text: &str) -> usize {
        text.lines().count() / 2
    }

    fn encoding(&self) -> &'static str {
        "half lines"
    }
}

#[test]
fn what_costs_nothing_alone_fits_together() {
    let context = [
        Segment::tool_call("c", "p", "run {}"),
        Segment::tool_result("r", "p", "\n}\n]\nend"),
        Segment::new("n", Kind::File, "one\ntwo\nthree\nfour\n"),
    ];
    for budget in 1..4 {
        let reduced = ContextOptimizer::builder(Arc::new(HalfLines), budget)
            .with_reducer(Selection::default())
            .build()
            .unwrap()
            .optimize(&context, None)
            .unwrap();
        assert!(reduced.report.after <= budget);
    }
}
