//! Contexts, budgets and questions as a strategy makes them.

use std::sync::Arc;

use maniple_context::relevance::Query;
use maniple_context::{
    ContextOptimizer, Encoding, Kind, Priority, Segment, SegmentId, Tiktoken, TokenCounter,
};
use proptest::prelude::*;

/// What a law is tried on.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) segments: Vec<Segment>,
    pub(crate) budget: usize,
    pub(crate) query: Option<Query>,
}

impl Case {
    pub(crate) fn optimizer(&self) -> ContextOptimizer {
        ContextOptimizer::builder(Arc::new(counter()), self.budget).build().unwrap()
    }

    /// The ids of what must stay, found without the optimizer.
    pub(crate) fn kept(&self) -> Vec<&SegmentId> {
        let of_pair = |segment: &Segment| {
            let pair = segment.pair().cloned();
            self.segments
                .iter()
                .filter(move |other| pair.is_some() && other.pair() == pair.as_ref())
        };
        let must_stay = |segment: &&Segment| {
            let pending = of_pair(segment).any(|other| other.kind() == Kind::ToolCall)
                && !of_pair(segment).any(|other| other.kind() == Kind::ToolResult);
            segment.is_pinned() || pending || of_pair(segment).any(Segment::is_pinned)
        };
        self.segments.iter().filter(must_stay).map(Segment::id).collect()
    }
}

pub(crate) fn counter() -> Tiktoken {
    Tiktoken::new(Encoding::O200kBase)
}

/// The tokens of all texts, counted without any cache.
pub(crate) fn tokens(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| counter().count(segment.text())).sum()
}

/// Cases whose budget is between a few tokens and a little more than everything, with texts that
/// repeat, calls that are parallel, pending, answered at once or later, and pins on any of them.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let questions = prop_oneof![
        Just(None),
        Just(Some("")),
        Just(Some("How are retries of a connection counted?")),
        Just(Some("naïve 語 🦀 αβγ")),
    ];
    (proptest::collection::vec(items(), 0..24), 0.0..1.2_f64, questions).prop_map(
        |(items, share, question)| {
            let segments = lay_out(items);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a small number"
            )]
            let budget = (tokens(&segments) as f64 * share) as usize;
            Case { segments, budget: budget.max(1), query: question.map(Query::new) }
        },
    )
}

#[derive(Debug, Clone)]
enum Item {
    Plain { kind: Kind, text: String, pin: Pin, priority: Priority },
    Call { text: String, result: Option<(String, usize)>, pin: Pin },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pin {
    None,
    First,
    Last,
}

fn items() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        Just(Kind::System),
        Just(Kind::User),
        Just(Kind::Assistant),
        Just(Kind::File),
        Just(Kind::Log),
        Just(Kind::Code),
        Just(Kind::Json),
        Just(Kind::Note),
    ];
    let priority = prop_oneof![1 => Just(Priority::Low), 4 => Just(Priority::Normal), 1 => Just(Priority::High)];
    let plain = (kind, texts(), pins(), priority)
        .prop_map(|(kind, text, pin, priority)| Item::Plain { kind, text, pin, priority });
    let call = (calls(), proptest::option::weighted(0.8, (texts(), 0..4_usize)), pins())
        .prop_map(|(text, result, pin)| Item::Call { text, result, pin });
    prop_oneof![3 => plain, 1 => call]
}

fn pins() -> impl Strategy<Value = Pin> {
    prop_oneof![8 => Just(Pin::None), 1 => Just(Pin::First), 1 => Just(Pin::Last)]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("The same text, read again and again.".to_owned()),
        Just("yes".to_owned()),
        "(retry|connection|count|weather|getRetryCount|the){1,12}",
        "(retry |connection |count |weather |the ){1,12}",
        r"\PC{0,30}",
        r"[語é🦀\u{301} \n\r\t]{0,20}",
        Just("<|endoftext|>".to_owned()),
        lines(),
        lines().prop_map(|lines| lines.replace('\n', "\r\n")),
        proptest::collection::vec("[A-Z](word|other|thing|, ){4,9}[.!?] ", 1..30)
            .prop_map(|sentences| sentences.concat()),
        proptest::collection::vec(0..40_u32, 1..40).prop_map(|rows| records(&rows)),
        Just("[…12 lines: recall 0123456789ab]".to_owned()),
    ]
}

/// Lines of code, logs and listings, many of them alike.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (0..60_u32).prop_map(|n| format!("    let value_{n} = retry(connection, {n});\n")),
        2 => (0..60_u32).prop_map(|n| format!("{n:>6}→    let value_{n} = retry();\n")),
        3 => (0..60_u32).prop_map(|n| {
            format!("2024-05-06 10:00:{n:02} INFO pool: opened connection {n} of 60\n")
        }),
        1 => (0..9_u32).prop_map(|n| format!("2024-05-06 10:00:{n:02} ERROR pool: refused {n}\n")),
        1 => Just("\n".to_owned()),
        1 => Just("fn retry(connection: Pool) {\n".to_owned()),
        1 => Just("}\n".to_owned()),
    ];
    proptest::collection::vec(line, 1..60).prop_map(|lines| lines.concat())
}

fn records(rows: &[u32]) -> String {
    let row =
        |n: &u32| format!(r#"{{"id": {n}, "name": "pool {n}", "state": "open", "error": null}}"#);
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(", "))
}

/// The arguments of calls, with texts of several lines.
fn calls() -> impl Strategy<Value = String> {
    prop_oneof![
        texts(),
        (0..9_u32, lines()).prop_map(|(n, text)| {
            let arguments = serde_json::json!({ "path": format!("src/pool{n}.rs"), "text": text });
            format!("write {arguments}")
        }),
        (0..4_u32).prop_map(|n| format!(r#"read {{"path":"src/pool{n}.rs"}}"#)),
    ]
}

fn lay_out(items: Vec<Item>) -> Vec<Segment> {
    // Results wait until as many items as their delay have gone by.
    let mut waiting: Vec<(usize, Segment)> = Vec::new();
    let mut segments = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match item {
            Item::Plain { kind, text, pin, priority } => {
                let segment = Segment::new(format!("s{at}"), kind, text).with_priority(priority);
                segments.push(if pin == Pin::None { segment } else { segment.pinned() });
            }
            Item::Call { text, result, pin } => {
                let call = Segment::tool_call(format!("c{at}"), format!("p{at}"), text);
                segments.push(if pin == Pin::First { call.pinned() } else { call });
                if let Some((text, delay)) = result {
                    let result = Segment::tool_result(format!("r{at}"), format!("p{at}"), text);
                    let result = if pin == Pin::Last { result.pinned() } else { result };
                    waiting.push((at + delay, result));
                }
            }
        }
        for (_, result) in waiting.extract_if(.., |(due, _)| *due <= at) {
            segments.push(result);
        }
    }
    segments.extend(waiting.into_iter().map(|(_, result)| result));
    segments
}
