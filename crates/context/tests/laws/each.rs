//! What each reducer does alone.

use std::sync::Arc;

use maniple_context::json::expand;
use maniple_context::reducers::{
    CodeOutlines, JsonSamples, JsonTables, LogTemplates, Loss, NearDuplicates, Reducer,
    RepeatedLines, StaleResults, SupersededReads,
};
use maniple_context::relevance::Query;
use maniple_context::{
    ContextError, ContextOptimizer, DropReason, Kind, LineRange, ReducedContext, Segment, Source,
};

use crate::contexts::{counter, tokens};

/// What a reducer makes of a context, whether it meets the budget or not.
fn alone(by: impl Reducer + 'static, context: &[Segment], budget: usize) -> ReducedContext {
    let builder = ContextOptimizer::builder(Arc::new(counter()), budget).with_reducer(by);
    match builder.without_markers().build().unwrap().optimize(context, None) {
        Ok(reduced) => reduced,
        Err(ContextError::BudgetNotMet { reached, .. }) => *reached,
        Err(error) => panic!("{error}"),
    }
}

fn reasons(reduced: &ReducedContext) -> Vec<(&str, &DropReason)> {
    reduced.report.dropped.iter().map(|dropped| (dropped.id.as_str(), &dropped.reason)).collect()
}

fn text(reduced: &ReducedContext, id: &str) -> String {
    reduced.segments.iter().find(|segment| segment.id().as_str() == id).unwrap().text().to_string()
}

/// As many words, of which the one at `other` is another one.
fn words(count: usize, other: usize) -> String {
    let word = |at| if at == other { "another".to_owned() } else { format!("word{at}") };
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn near_duplicates_go_down_to_a_similarity_of_nine_tenths() {
    let note = |id: &str, text: String| Segment::new(id, Kind::Note, text);
    // One other word changes 4 of the shingles of each: 196 of 204 are shared, and 36 of 44.
    let near = [note("a", words(203, 100)), note("b", words(203, 203))];
    assert_eq!(
        reasons(&alone(NearDuplicates, &near, 1)),
        [("a", &DropReason::SimilarTo("b".into()))]
    );
    let far = [note("a", words(43, 20)), note("b", words(43, 43))];
    assert!(alone(NearDuplicates, &far, 1).report.dropped.is_empty());
    // What must stay does, and short texts and turns mean something where they stand.
    let pinned = [near[0].clone().pinned(), near[1].clone()];
    let room = tokens(&pinned) - 1;
    assert_eq!(
        reasons(&alone(NearDuplicates, &pinned, room)),
        [("b", &DropReason::SimilarTo("a".into()))]
    );
    for kind in [Kind::User, Kind::Assistant] {
        let turns = near.clone().map(|segment| segment.with_kind(kind));
        assert!(alone(NearDuplicates, &turns, 1).report.dropped.is_empty());
    }
}

#[test]
fn a_source_that_was_read_again_is_superseded() {
    let lines = |first: usize, last: usize| -> String {
        let line = |line| format!("line {line} of the file\n");
        (first..=last).map(line).collect::<Vec<_>>().concat()
    };
    let read = |id: &str, first, last| {
        let source = Source::new("a.rs").with_lines(LineRange::new(first, last).unwrap());
        Segment::new(id, Kind::File, lines(first, last)).with_source(source)
    };
    let whole = Segment::new("all", Kind::File, lines(1, 30)).with_source(Source::new("a.rs"));
    let context = [read("a", 1, 10), read("b", 5, 12), read("c", 1, 10), whole.clone()];
    let by = DropReason::SupersededBy("all".into());
    let expected = [("a", &by), ("b", &by), ("c", &by)];
    assert_eq!(reasons(&alone(SupersededReads, &context, 1)), expected);

    let context = [whole.clone(), read("a", 1, 10), read("b", 5, 12)];
    assert!(alone(SupersededReads, &context, 1).report.dropped.is_empty(), "more was read before");
    let other = Segment::new("other", Kind::File, words(90, 0)).with_source(Source::new("a.rs"));
    assert!(alone(SupersededReads, &[whole, other], 1).report.dropped.is_empty(), "another text");
}

fn call(at: usize, call: &str, result: &str) -> [Segment; 2] {
    let pair = format!("p{at}");
    [
        Segment::tool_call(format!("c{at}"), pair.as_str(), call),
        Segment::tool_result(format!("r{at}"), pair.as_str(), result),
    ]
}

#[test]
fn the_result_of_a_call_that_was_made_again_is_masked() {
    let context: Vec<Segment> = [
        call(0, r#"run {"command":"test"}"#, "3 of 9 failed, and much more was said of it\n"),
        call(1, r#"run {"command":"build"}"#, "built in 3 seconds\n"),
        call(2, r#"run {"command":"test"}"#, "all passed\n"),
    ]
    .concat();
    let reduced = alone(StaleResults, &context, 1);
    let shortened: Vec<_> = reduced.report.shortened.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(shortened, ["r0"]);
    assert!(!text(&reduced, "r0").contains("failed") && reduced.report.dropped.is_empty());
    assert_eq!((text(&reduced, "r1"), text(&reduced, "r2")), {
        ("built in 3 seconds\n".to_owned(), "all passed\n".to_owned())
    });
}

#[test]
fn a_line_that_is_read_again_goes_where_it_was_read_first() {
    let numbered = |lines: std::ops::Range<usize>| -> String {
        let line = |line| format!("{line:>6}→    let value_{line} = open({line});\n");
        lines.map(line).collect::<Vec<_>>().concat()
    };
    let context: Vec<Segment> = [
        call(0, r#"read {"path":"a.rs"}"#, &numbered(10..30)),
        call(1, r#"read {"path":"a.rs","offset":20}"#, &numbered(20..40)),
    ]
    .concat();
    let reduced = alone(RepeatedLines, &context, 1);
    let first = text(&reduced, "r0");
    assert!(first.contains("value_19") && !first.contains("value_20"), "{first}");
    let second = text(&reduced, "r1");
    assert!((20..40).all(|line| second.contains(&format!("value_{line} "))));
    // The number of the first line tells those of the others.
    assert!(second.contains("    20→") && !second.contains("    21→"), "{second}");
}

#[test]
fn json_is_written_as_tables_without_loss_and_sampled_under_pressure() {
    let row = |at: usize| {
        let state = if at == 321 { "error: disk is full" } else { "done" };
        format!(r#"{{"id": {at}, "name": "job {at}", "state": "{state}"}}"#)
    };
    let rows: Vec<String> = (0..500).map(row).collect();
    let json = format!("[{}]", rows.join(",\n"));
    let context = [Segment::new("json", Kind::Json, json.as_str())];
    let before = tokens(&context);

    let reduced = alone(JsonTables, &context, 1);
    assert_eq!(JsonTables.loss(), Loss::Lossless);
    assert!(reduced.report.after * 3 < before * 2);
    let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
    let turned_back = expand(&text(&reduced, "json")).unwrap();
    assert_eq!(value(&turned_back), value(&json));

    let reduced = alone(JsonSamples, &context, before / 20);
    assert!(reduced.report.after <= before / 20);
    let sampled = text(&reduced, "json");
    assert!(sampled.contains("disk is full") && sampled.contains("$left_out"), "{sampled}");
}

#[test]
fn a_log_is_folded_and_says_each_error_in_full() {
    let line = |at: usize| match at {
        700 => "10:00:00 ERROR pool: refused by 10.0.0.7 after 3 tries\n".to_owned(),
        _ => format!("10:00:{:02} INFO pool: connection {at} opened\n", at % 60),
    };
    let log: String = (0..2_000).map(line).collect();
    for segment in [
        Segment::new("log", Kind::Log, log.as_str()),
        // What a host calls a file is told by its looks.
        Segment::new("log", Kind::File, log.as_str()),
    ] {
        let reduced = alone(LogTemplates, &[segment], 200);
        let folded = text(&reduced, "log");
        assert!(folded.contains("ERROR pool: refused by 10.0.0.7 after 3 tries"), "{folded}");
        assert!(folded.contains("1999×") && reduced.report.after <= 200, "{folded}");
    }
}

#[test]
fn of_a_log_the_lines_that_answer_the_query_stay_as_they_are() {
    let line = |at: usize| {
        format!("10:{:02}:{:02} INFO worker {at}: took item {}\n", at / 60, at % 60, at * 31 % 997)
    };
    let log: String = (0..3_000).map(line).collect();
    let context = [Segment::new("log", Kind::Log, log)];
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), tokens(&context) / 50)
        .with_reducer(LogTemplates)
        .build()
        .unwrap();
    let query = Query::new("What did worker 1234 take?");
    let reduced = optimizer.optimize(&context, Some(&query)).unwrap();
    let said = text(&reduced, "log");
    assert!(said.contains(line(1234).trim()), "{said}");
    assert!(said.contains("3000×"), "{said}");
}

#[test]
fn code_is_outlined_with_the_numbers_of_its_lines() {
    let function = |at: usize| {
        let line = |n| format!("    let v{n} = work({at}, {n});\n");
        let body = (0..12).map(line).collect::<Vec<_>>().concat();
        format!("/// Does part {at}.\npub fn part_{at}(input: &str) -> usize {{\n{body}}}\n\n")
    };
    let code = "use std::fmt;\n\n".to_owned() + &(0..20).map(function).collect::<String>();
    let context = [Segment::new("code", Kind::Code, code).with_source(Source::new("src/parts.rs"))];
    let before = tokens(&context);
    let reduced = alone(CodeOutlines, &context, before / 3);
    assert!(reduced.report.after <= before / 3);
    let outline = text(&reduced, "code");
    assert!(outline.starts_with("1 use std::fmt;\n"), "{outline}");
    let signatures = (0..20).filter(|at| outline.contains(&format!("pub fn part_{at}(")));
    assert_eq!(signatures.count(), 20, "{outline}");
}

#[test]
fn of_a_long_result_the_line_that_tells_of_a_failure_stays() {
    let line = |at: usize| match at {
        377 => "test sums_are_whole ... FAILED: the total is 7, not 8\n".to_owned(),
        _ => format!("test case_{at} ... ok in {} ms\n", at * 7 % 500),
    };
    let output: String = (0..600).map(line).collect();
    let context = call(0, r#"run {"command":"make test"}"#, &output);
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), tokens(&context) / 8).build();
    let reduced = optimizer.unwrap().optimize(&context, None).unwrap();
    let said = text(&reduced, "r0");
    assert!(said.contains("FAILED: the total is 7, not 8"), "{said}");
}
