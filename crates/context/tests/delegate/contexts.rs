//! Contexts with files in folders, conversations, calls and logs, as a strategy makes them.

use std::sync::Arc;

use maniple_context::{
    Delegation, Encoding, Kind, Priority, Segment, Source, Tiktoken, TokenCounter,
};
use proptest::prelude::*;

/// What a plan is tried on.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) segments: Vec<Segment>,
    pub(crate) window: usize,
    pub(crate) threshold: f64,
    pub(crate) budget: Option<usize>,
}

impl Case {
    pub(crate) fn delegation(&self) -> Delegation {
        let delegation = Delegation::new(counter(), self.window);
        let delegation = delegation.with_threshold(self.threshold).unwrap();
        match self.budget {
            Some(budget) => delegation.with_budget(budget),
            None => delegation,
        }
    }

    /// Those of the same pair, or the segment alone.
    pub(crate) fn unit<'c>(&'c self, segment: &'c Segment) -> Vec<&'c Segment> {
        match segment.pair() {
            Some(pair) => self.segments.iter().filter(|other| other.pair() == Some(pair)).collect(),
            None => vec![segment],
        }
    }

    /// Whether everybody has to be given it, found without a plan.
    pub(crate) fn is_required(&self, segment: &Segment) -> bool {
        self.unit(segment).iter().any(|member| {
            member.is_pinned()
                || member.priority() == Priority::High
                || [Kind::System, Kind::Instruction].contains(&member.kind())
        })
    }

    /// Whether it is a call that has no answer.
    pub(crate) fn is_pending(&self, segment: &Segment) -> bool {
        let unit = self.unit(segment);
        unit.iter().any(|member| member.kind() == Kind::ToolCall)
            && !unit.iter().any(|member| member.kind() == Kind::ToolResult)
    }
}

pub(crate) fn counter() -> Arc<dyn TokenCounter> {
    Arc::new(Tiktoken::new(Encoding::O200kBase))
}

/// The tokens of all texts, counted without any cache.
pub(crate) fn tokens<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> usize {
    segments.into_iter().map(|segment| counter().count(segment.text())).sum()
}

/// A file of so many lines.
pub(crate) fn file(path: &str, lines: usize) -> Segment {
    let line = |at| format!("Line {at} of {path} says that retry {at} waits.\n");
    let text: String = (0..lines).map(line).collect();
    Segment::new(path, Kind::File, text).with_source(Source::new(path))
}

/// The question that a context is given for.
pub(crate) fn asked() -> Segment {
    Segment::new("asked", Kind::User, "Why does the third retry fail?").pinned()
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let budget = proptest::option::weighted(0.4, 1..3_000_usize);
    (proptest::collection::vec(items(), 0..40), 50..4_000_usize, 0.0..1.0_f64, budget).prop_map(
        |(items, window, threshold, budget)| Case {
            segments: lay_out(items),
            window,
            threshold,
            budget,
        },
    )
}

#[derive(Debug, Clone)]
enum Item {
    Plain { kind: Kind, text: String, path: Option<String>, stays: Stays },
    Call { path: Option<String>, result: Option<(String, usize)>, stays: Stays },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stays {
    No,
    Pinned,
    High,
}

fn items() -> impl Strategy<Value = Item> {
    let stays =
        || prop_oneof![14 => Just(Stays::No), 1 => Just(Stays::Pinned), 1 => Just(Stays::High)];
    let kind = prop_oneof![
        1 => Just(Kind::System),
        4 => Just(Kind::User),
        4 => Just(Kind::Assistant),
        6 => Just(Kind::File),
        2 => Just(Kind::Log),
        4 => Just(Kind::Code),
        1 => Just(Kind::Json),
        1 => Just(Kind::Note),
    ];
    let plain = (kind, texts(), paths(), stays()).prop_map(|(kind, text, path, stays)| {
        let is_turn = matches!(kind, Kind::User | Kind::Assistant | Kind::System);
        Item::Plain { kind, text, path: path.filter(|_| !is_turn), stays }
    });
    let result = proptest::option::weighted(0.8, (texts(), 0..4_usize));
    let call = (paths(), result, stays()).prop_map(|(path, result, stays)| Item::Call {
        path,
        result,
        stays,
    });
    prop_oneof![3 => plain, 1 => call]
}

fn paths() -> impl Strategy<Value = Option<String>> {
    proptest::option::weighted(
        0.7,
        prop_oneof![
            8 => "(src|docs)(/(net|store|ui)){0,3}/(main|lib|page)\\.(rs|py|md)",
            1 => r"C:\\(src|docs)\\[ab]\.rs",
            1 => "(README|/etc/hosts|https://host/a/b|cargo test|/|)",
        ],
    )
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        1 => r"\PC{0,30}",
        4 => "(retry |connection |garden |weather |ferry ){1,60}",
        2 => (1..60_usize).prop_map(|lines| "let value = retry(connection);\n".repeat(lines)),
        1 => (1..40_usize).prop_map(|lines| "10:00:00 WARN pool: refused 7\n".repeat(lines)),
    ]
}

fn lay_out(items: Vec<Item>) -> Vec<Segment> {
    let sourced = |segment: Segment, path: Option<&String>| match path {
        Some(path) => segment.with_source(Source::new(path.as_str())),
        None => segment,
    };
    let staying = |segment: Segment, stays| match stays {
        Stays::No => segment,
        Stays::Pinned => segment.pinned(),
        Stays::High => segment.with_priority(Priority::High),
    };
    let mut waiting: Vec<(usize, Segment)> = Vec::new();
    let mut segments = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match item {
            Item::Plain { kind, text, path, stays } => {
                let segment = Segment::new(format!("s{at}"), kind, text);
                segments.push(staying(sourced(segment, path.as_ref()), stays));
            }
            Item::Call { path, result, stays } => {
                let pair = format!("p{at}");
                let call = Segment::tool_call(format!("c{at}"), pair.clone(), "read it");
                segments.push(staying(call, stays));
                if let Some((text, delay)) = result {
                    let result = Segment::tool_result(format!("r{at}"), pair, text);
                    waiting.push((at + delay, sourced(result, path.as_ref())));
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
