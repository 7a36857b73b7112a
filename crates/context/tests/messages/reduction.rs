//! What must hold of a conversation that is read, reduced, written, and read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use maniple_context::messages::{MessageError, Transcript};
use maniple_context::testkit::{anthropic_transcripts, openai_transcripts};
use maniple_context::{
    ContextError, ContextOptimizer, Encoding, Kind, Marker, MemoryRecall, RecallStore,
    ReducedContext, Segment, Tiktoken, TokenCounter,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::agents::agents;
use crate::rules::{check_anthropic, check_openai};

type Read = fn(&str) -> Result<Transcript, MessageError>;
type Check = fn(&Value) -> Result<(), String>;

const OPENAI: (Read, Check) = (Transcript::openai, check_openai);
const ANTHROPIC: (Read, Check) = (Transcript::anthropic, check_anthropic);

fn conversations() -> impl Strategy<Value = ((Read, Check), String)> {
    prop_oneof![
        4 => agents().prop_map(|agent| (OPENAI, agent.openai)),
        4 => agents().prop_map(|agent| (ANTHROPIC, agent.anthropic)),
        1 => openai_transcripts().prop_map(|json| (OPENAI, json.replace("1e400", "1"))),
        1 => anthropic_transcripts().prop_map(|json| (ANTHROPIC, json.replace("1e400", "1"))),
    ]
}

/// What the writer puts before a message that is not the user's.
const BEGINNING: &str = "[earlier messages left out]";

fn counter() -> Tiktoken {
    Tiktoken::new(Encoding::O200kBase)
}

/// Counted without any cache.
fn tokens(segments: &[Segment], counter: &dyn TokenCounter) -> usize {
    segments.iter().map(|segment| counter.count(segment.text())).sum()
}

fn optimizer(
    budget: usize,
    store: &Arc<MemoryRecall>,
    counter: Arc<dyn TokenCounter>,
    share: f64,
) -> ContextOptimizer {
    ContextOptimizer::builder(counter, budget)
        .with_recall_store(Arc::clone(store) as Arc<dyn RecallStore>)
        .with_min_reduction(share)
        .build()
        .unwrap()
}

/// The tokens of the markers in a context that the store knows, and were not there before.
fn check_markers(
    before: &[Segment],
    after: &[Segment],
    budget: usize,
    store: &MemoryRecall,
    counter: &dyn TokenCounter,
) -> Result<(), TestCaseError> {
    let pinned: BTreeSet<&str> =
        before.iter().filter(|s| s.is_pinned()).map(|s| s.id().as_str()).collect();
    let mut all = 0;
    for segment in after.iter().filter(|s| !pinned.contains(s.id().as_str())) {
        for (_, marker) in Marker::all_in(segment.text()) {
            if marker.is_known(store).unwrap() {
                all += counter.count(&marker.to_string());
            }
        }
    }
    prop_assert!(all <= budget / 50, "markers take {all} of {budget}: {:?}", texts(after));
    Ok(())
}

fn check_laws(
    given: &[Segment],
    reduced: &ReducedContext,
    budget: usize,
    store: &MemoryRecall,
    counter: &dyn TokenCounter,
) -> Result<(), TestCaseError> {
    let report = &reduced.report;
    prop_assert_eq!(report.before, tokens(given, counter));
    prop_assert_eq!(report.after, tokens(&reduced.segments, counter));
    prop_assert!(report.after <= budget);
    let gone: usize = report.dropped.iter().map(|dropped| dropped.tokens).sum();
    let shorter: usize = report.shortened.iter().map(|s| s.before - s.after).sum();
    let ids: BTreeSet<_> = given.iter().map(Segment::id).collect();
    let added = reduced.segments.iter().filter(|segment| !ids.contains(segment.id()));
    let added: usize = added.map(|segment| counter.count(segment.text())).sum();
    prop_assert_eq!(report.before + added - gone - shorter, report.after);
    let mut originals = given.iter();
    for staying in &reduced.segments {
        if !ids.contains(staying.id()) {
            prop_assert_eq!(staying.kind(), Kind::Note);
            continue;
        }
        let original = originals.find(|original| original.id() == staying.id());
        prop_assert!(original.is_some(), "{:?} stands elsewhere", staying.id());
        let original = original.unwrap();
        if original.is_pinned() {
            prop_assert_eq!(original, staying);
        }
        let shortened = report.shortened.iter().find(|s| s.id == *staying.id());
        prop_assert!(shortened.is_some() || original.text() == staying.text());
        if let Some(shortened) = shortened {
            prop_assert_eq!(&*store.get(&shortened.handle).unwrap(), &**original.text());
            prop_assert!(shortened.after <= shortened.before);
        }
    }
    for dropped in &report.dropped {
        let original = given.iter().find(|segment| *segment.id() == dropped.id).unwrap();
        prop_assert_eq!(&*store.get(&dropped.handle).unwrap(), &**original.text());
    }
    for marked in &report.markers {
        prop_assert_eq!(store.find(marked.handle.short()).unwrap(), marked.handle);
        prop_assert!(store.get(&marked.handle).is_ok());
    }
    Ok(())
}

fn texts(segments: &[Segment]) -> Vec<(&str, Kind, &str)> {
    segments.iter().map(|s| (s.id().as_str(), s.kind(), &**s.text())).collect()
}

fn refused(error: &ContextError) -> TestCaseError {
    match error {
        ContextError::BudgetNotMet { reached, .. } => {
            TestCaseError::fail(format!("{error}: {:?}", texts(&reached.segments)))
        }
        _ => TestCaseError::fail(error.to_string()),
    }
}

/// Texts in their order, without what the writer leaves out.
fn said(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|s| &**s.text()).filter(|text| !text.trim().is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_reduced_can_be_sent_and_is_reduced_no_further(
        ((read, check), json) in conversations(), share in 1..20_usize,
        least in prop_oneof![3 => Just(0.0), 1 => 0.0..1.0_f64],
    ) {
        let transcript = read(&json).unwrap();
        let given = transcript.segments();
        let counter: Arc<dyn TokenCounter> = Arc::new(counter());
        let store = Arc::new(MemoryRecall::new());
        let budget = (tokens(given, &*counter) * share / 20).max(1);
        let first = optimizer(budget, &store, Arc::clone(&counter), least);
        let once = match first.optimize(given, None) {
            Ok(once) => once,
            Err(ContextError::PinnedExceedsBudget { .. }) => return Ok(()),
            Err(other) => return Err(refused(&other)),
        };
        check_laws(given, &once, budget, &store, &*counter)?;
        check_markers(given, &once.segments, budget, &store, &*counter)?;
        let written = transcript.write(&once.segments).map_err(|error| TestCaseError::fail(format!("{error} {:#?}", once.segments)))?;
        prop_assert_eq!(check(&serde_json::from_str(&written).unwrap()), Ok(()));

        let again = read(&written).unwrap();
        let left: usize = tokens(again.segments(), &*counter);
        let beginning = again.segments().iter().filter(|s| &**s.text() == BEGINNING).count();
        prop_assert!(beginning <= 1 && left <= budget + beginning * counter.count(BEGINNING));
        if beginning > 0 {
            // It is not counted, and may be what is too much.
            return Ok(());
        }
        let second = optimizer(budget, &store, Arc::clone(&counter), least);
        let twice = second.optimize(again.segments(), None).unwrap();
        prop_assert_eq!(&twice.segments, again.segments());
        prop_assert_eq!(&again.write(&twice.segments).unwrap(), &written);
        prop_assert_eq!(said(&twice.segments).len(), said(&once.segments).len());

        // Less and less room, as a session that goes on has.
        let (mut transcript, mut budget) = (again, budget);
        for _ in 0..3 {
            budget = budget / 2 + 1;
            let given = transcript.segments();
            let less = optimizer(budget, &store, Arc::clone(&counter), 0.0);
            let reduced = match less.optimize(given, None) {
                Ok(reduced) => reduced,
                Err(ContextError::PinnedExceedsBudget { .. }) => return Ok(()),
                Err(other) => return Err(refused(&other)),
            };
            check_laws(given, &reduced, budget, &store, &*counter)?;
            if !reduced.report.reducers.is_empty() {
                check_markers(given, &reduced.segments, budget, &store, &*counter)?;
            }
            let written = transcript.write(&reduced.segments).unwrap();
            prop_assert_eq!(check(&serde_json::from_str(&written).unwrap()), Ok(()));
            transcript = read(&written).unwrap();
        }
    }

    #[test]
    fn the_laws_hold_for_counters_that_know_no_cuts(
        ((read, _), json) in conversations(), share in 1..20_usize,
    ) {
        let transcript = read(&json).unwrap();
        let given = transcript.segments();
        for counter in [Arc::new(NoCuts(counter())) as Arc<dyn TokenCounter>, Arc::new(Quarters), Arc::new(Nothing), Arc::new(OfLines)] {
            let given: Vec<Segment> = serde_json::from_str(&serde_json::to_string(given).unwrap()).unwrap();
            let store = Arc::new(MemoryRecall::new());
            let budget = (tokens(&given, &*counter) * share / 20).max(1);
            let first = optimizer(budget, &store, Arc::clone(&counter), 0.0);
            match first.optimize(&given, None) {
                Ok(once) => check_laws(&given, &once, budget, &store, &*counter)?,
                Err(ContextError::PinnedExceedsBudget { .. }) => {}
                Err(other) => return Err(refused(&other)),
            }
        }
        // What is wrong about its cuts has no laws, and does not panic either.
        let wrong: Arc<dyn TokenCounter> = Arc::new(Wrong(counter()));
        let given: Vec<Segment> = serde_json::from_str(&serde_json::to_string(given).unwrap()).unwrap();
        let budget = (tokens(&given, &*wrong) * share / 20).max(1);
        let _ = optimizer(budget, &Arc::new(MemoryRecall::new()), wrong, 0.0).optimize(&given, None);
    }
}

/// Sends a reduced transcript that has to lose most of its one call.
fn reduced_call(json: &str) -> Value {
    let transcript = Transcript::openai(json).unwrap();
    let store = Arc::new(MemoryRecall::new());
    let counter: Arc<dyn TokenCounter> = Arc::new(counter());
    let budget = tokens(transcript.segments(), &*counter) / 2;
    let reduced =
        optimizer(budget, &store, counter, 0.0).optimize(transcript.segments(), None).unwrap();
    serde_json::from_str(&transcript.write(&reduced.segments).unwrap()).unwrap()
}

#[test]
fn a_custom_call_and_one_with_broken_arguments_can_be_written() {
    let line = |n| format!("let value_{n} = {n};\n");
    let text = (0..60).map(line).collect::<Vec<_>>().concat();
    let custom = serde_json::json!({ "id": "c", "type": "custom", "custom": { "name": "patch", "input": text } });
    let broken = format!(r#"{{"text": {}"#, Value::from(text));
    let function = serde_json::json!({ "name": "write", "arguments": broken });
    let broken = serde_json::json!({ "id": "c", "type": "function", "function": function });
    for call in [custom, broken] {
        let messages = serde_json::json!([
            { "role": "user", "content": "Go on." },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "c", "content": "ok" },
        ]);
        let written = reduced_call(&messages.to_string());
        assert_eq!(check_openai(&written), Ok(()));
    }
}

#[derive(Debug)]
struct NoCuts(Tiktoken);

impl TokenCounter for NoCuts {
    fn count(&self, text: &str) -> usize {
        self.0.count(text)
    }

    fn encoding(&self) -> &'static str {
        "no cuts"
    }
}

#[derive(Debug)]
struct Wrong(Tiktoken);

impl TokenCounter for Wrong {
    fn count(&self, text: &str) -> usize {
        self.0.count(text)
    }

    fn encoding(&self) -> &'static str {
        "wrong"
    }

    fn is_cut_safe(&self, _: &str, _: &str) -> bool {
        true
    }
}

#[derive(Debug)]
struct Quarters;

impl TokenCounter for Quarters {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    fn encoding(&self) -> &'static str {
        "quarters"
    }
}

#[derive(Debug)]
struct Nothing;

impl TokenCounter for Nothing {
    fn count(&self, _: &str) -> usize {
        0
    }

    fn encoding(&self) -> &'static str {
        "nothing"
    }
}

/// Short texts cost nothing.
#[derive(Debug)]
struct OfLines;

impl TokenCounter for OfLines {
    fn count(&self, text: &str) -> usize {
        text.lines().count() / 2
    }

    fn encoding(&self) -> &'static str {
        "lines"
    }
}
