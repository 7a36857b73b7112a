use std::sync::Arc;

use maniple_context::messages::{MessageError, Transcript};
use maniple_context::testkit::{anthropic_transcripts, openai_transcripts, segments};
use maniple_context::{ContextOptimizer, Encoding, Kind, Segment, Tiktoken, TokenCounter};
use proptest::prelude::*;
use serde_json::Value;

use crate::rules::{check_anthropic, check_openai};

type Read = fn(&str) -> Result<Transcript, MessageError>;
type Check = fn(&Value) -> Result<(), String>;
type Style = (Read, Check);

const OPENAI: Style = (Transcript::openai, check_openai);
const ANTHROPIC: Style = (Transcript::anthropic, check_anthropic);

fn conversations() -> impl Strategy<Value = (Style, String)> {
    prop_oneof![
        openai_transcripts().prop_map(|json| (OPENAI, json)),
        anthropic_transcripts().prop_map(|json| (ANTHROPIC, json)),
    ]
}

/// What a reduction does with a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Keep,
    Drop,
    Shorten,
    Note,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Keep),
        3 => Just(Act::Drop),
        1 => Just(Act::Shorten),
        1 => Just(Act::Note),
    ];
    proptest::collection::vec(act, 1..16)
}

/// Drops whole units, shortens texts, and puts notes where something was dropped.
fn reduce(segments: &[Segment], acts: &[Act]) -> Vec<Segment> {
    let first = |segment: &Segment| {
        let is_twin = |other: &Segment| {
            other.id() == segment.id() || (other.pair().is_some() && other.pair() == segment.pair())
        };
        segments.iter().position(is_twin).unwrap()
    };
    let is_pending = |segment: &Segment| {
        let is_answer =
            |other: &Segment| other.kind() == Kind::ToolResult && other.pair() == segment.pair();
        segment.kind() == Kind::ToolCall && !segments.iter().any(is_answer)
    };
    let mut reduced = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        match acts[first(segment) % acts.len()] {
            _ if is_pending(segment) => reduced.push(segment.clone()),
            Act::Keep => reduced.push(segment.clone()),
            Act::Shorten => reduced.push(shortened(segment)),
            Act::Drop => {}
            Act::Note => reduced.push(Segment::new(format!("note {at}"), Kind::Note, NOTE)),
        }
    }
    reduced
}

const NOTE: &str = "[something was left out]";

fn shortened(segment: &Segment) -> Segment {
    let text = match segment.kind() {
        Kind::ToolCall => {
            let (name, _) = segment.text().split_once(' ').unwrap();
            format!(r#"{name} {{"left":"out"}}"#)
        }
        _ => segment.text().chars().skip(3).collect(),
    };
    let changed = Segment::new(segment.id().as_str(), segment.kind(), text);
    match segment.pair() {
        Some(pair) => changed.with_pair(pair.as_str()),
        None => changed,
    }
}

/// Each text with whether it is a call, a result or neither.
fn said<'s>(segments: impl Iterator<Item = &'s Segment>) -> Vec<(Option<Kind>, &'s str)> {
    let is_half = |kind: &Kind| matches!(kind, Kind::ToolCall | Kind::ToolResult);
    segments.map(|segment| (Some(segment.kind()).filter(is_half), &**segment.text())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_not_reduced_is_written_as_it_was_read(((read, check), json) in conversations()) {
        let transcript = read(&json).unwrap();
        prop_assert_eq!(&transcript.write(transcript.segments()).unwrap(), &json);
        if let Ok(value) = serde_json::from_str(&json) {
            prop_assert_eq!(check(&value), Ok(()));
        }
    }

    #[test]
    fn layout_and_the_numbers_of_untouched_messages_stay(json in openai_transcripts()) {
        let json = json.replace("},{", "} , \n {");
        let messages: Vec<&serde_json::value::RawValue> = serde_json::from_str(&json).unwrap();
        let transcript = Transcript::openai(&json).unwrap();
        let written = transcript.write(transcript.segments()).unwrap();
        let again: Vec<&serde_json::value::RawValue> = serde_json::from_str(&written).unwrap();
        for (message, again) in messages.iter().zip(&again) {
            prop_assert_eq!(message.get(), again.get());
        }
        prop_assert_eq!(messages.len(), again.len());
    }

    #[test]
    fn a_reduced_conversation_keeps_the_rules_and_says_what_is_left(
        ((read, check), json) in conversations(), acts in acts(),
    ) {
        let json = json.replace("1e400", "1");
        let transcript = read(&json).unwrap();
        let reduced = reduce(transcript.segments(), &acts);
        let written = transcript.write(&reduced).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(check(&value), Ok(()));

        let again = read(&written).unwrap();
        let is_note = |segment: &&Segment| &**segment.text() == NOTE;
        let is_beginning =
            |segment: &&Segment| &**segment.text() == "[earlier messages left out]";
        prop_assert_eq!(
            again.segments().iter().filter(is_note).count(),
            reduced.iter().filter(is_note).count()
        );
        let left = again.segments().iter().filter(|s| !is_note(s) && !is_beginning(s));
        // A text that says nothing any more goes.
        let is_said = |s: &&Segment| !s.text().trim().is_empty();
        let expected = reduced.iter().filter(|s| !is_note(s) && is_said(s));
        prop_assert_eq!(said(left.filter(is_said)), said(expected));
    }

    #[test]
    fn what_the_optimizer_returns_keeps_the_rules(
        ((read, check), json) in conversations(), share in 1..10_usize,
    ) {
        let json = json.replace("1e400", "1");
        let transcript = read(&json).unwrap();
        let counter = Tiktoken::new(Encoding::O200kBase);
        let tokens = |segments: &[Segment]| -> usize {
            segments.iter().map(|segment| counter.count(segment.text())).sum()
        };
        let budget = (tokens(transcript.segments()) * share / 10).max(1);
        let optimizer = ContextOptimizer::builder(Arc::new(counter), budget).build().unwrap();
        if let Ok(reduced) = optimizer.optimize(transcript.segments(), None) {
            let written = transcript.write(&reduced.segments).unwrap();
            prop_assert_eq!(check(&serde_json::from_str(&written).unwrap()), Ok(()));
        }
    }

    #[test]
    fn segments_of_transcripts_are_contexts(segments in segments()) {
        let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
        let optimizer = ContextOptimizer::builder(counter, usize::MAX).build().unwrap();
        prop_assert_eq!(optimizer.optimize(&segments, None).unwrap().segments, segments);
    }
}
