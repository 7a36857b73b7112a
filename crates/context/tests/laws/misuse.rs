//! What is refused, and in which words.

use std::sync::Arc;

use maniple_context::reducers::{Cause, Draft, ExactDuplicates, Loss, Reducer};
use maniple_context::{
    ContextError, ContextOptimizer, ContextOptimizerBuilder, Handle, Kind, RecallError,
    RecallStore, Segment, ShortHandle,
};
use maniple_core::{Class, Classify};

use crate::contexts::counter;

fn builder(budget: usize) -> ContextOptimizerBuilder {
    ContextOptimizer::builder(Arc::new(counter()), budget)
}

fn refusal(segments: &[Segment]) -> ContextError {
    builder(100).build().unwrap().optimize(segments, None).unwrap_err()
}

#[test]
fn a_budget_of_nothing() {
    let error = builder(0).build().unwrap_err();
    assert!(matches!(error, ContextError::ZeroBudget));
    assert_eq!(error.class(), Class::Permanent);
}

#[test]
fn two_reducers_of_one_name() {
    let error =
        builder(1).with_reducer(ExactDuplicates).with_reducer(ExactDuplicates).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"two reducers are named "exact-duplicates": give each a name of its own"#
    );
}

#[test]
fn a_share_that_is_none() {
    for share in [-0.1, 1.5, f64::NAN] {
        let error = builder(1).with_min_reduction(share).build().unwrap_err();
        assert!(matches!(error, ContextError::NoShare { .. }), "{error}");
    }
}

#[test]
fn a_pinned_part_over_the_budget() {
    let pinned = Segment::new("task", Kind::User, "one two three four five").pinned();
    let error = builder(3).build().unwrap().optimize(&[pinned], None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pinned part has 5 tokens, 2 more than the budget of 3: pin less or raise the budget"
    );
}

#[test]
fn one_id_twice() {
    let twice = ["a", "b", "a"].map(|id| Segment::new(id, Kind::Note, ""));
    assert_eq!(
        refusal(&twice).to_string(),
        r#"segments 0 and 2, counted from 0, are both named "a""#
    );
}

#[test]
fn a_result_without_its_call() {
    let orphan = Segment::tool_result("r", "p", "done");
    let unpaired = Segment::new("r", Kind::ToolResult, "done");
    let early = [orphan.clone(), Segment::tool_call("c", "p", "do")];
    for context in [&[orphan][..], &[unpaired], &early] {
        let error = refusal(context);
        assert_eq!(
            error.to_string(),
            r#"no call stands before the tool result "r": keep a call and its results together"#
        );
    }
}

#[test]
fn two_calls_of_one_pair() {
    let calls = ["c", "d"].map(|id| Segment::tool_call(id, "p", "do"));
    assert!(matches!(
        refusal(&calls),
        ContextError::PairReused { first, second, .. }
            if first.as_str() == "c" && second.as_str() == "d"
    ));
}

#[test]
fn reducers_that_do_too_little() {
    let optimizer = builder(1).with_reducer(ExactDuplicates).build().unwrap();
    let long = Segment::new("a", Kind::Note, "one two three");
    assert!(matches!(
        optimizer.optimize(&[long], None).unwrap_err(),
        ContextError::BudgetNotMet { reached, excess: 2 } if reached.report.after == 3
    ));
}

#[derive(Debug)]
struct DropsAll;

impl Reducer for DropsAll {
    fn name(&self) -> &'static str {
        "drops-all"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let all: Vec<_> = draft.units().map(|unit| unit.id()).collect();
        all.into_iter().try_for_each(|unit| draft.discard(unit, Cause::OverBudget))
    }
}

#[test]
fn a_reducer_that_drops_what_must_stay() {
    let optimizer = builder(3).with_reducer(DropsAll).build().unwrap();
    let context = [
        Segment::new("a", Kind::Note, "one two three"),
        Segment::new("b", Kind::Note, "four").pinned(),
    ];
    assert_eq!(
        optimizer.optimize(&context, None).unwrap_err().to_string(),
        r#"the reducer "drops-all" tried to drop "b", which must be kept"#
    );
}

#[derive(Debug)]
struct FullDisk;

impl RecallStore for FullDisk {
    fn put(&self, handle: &Handle, _: &Arc<str>) -> Result<(), RecallError> {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        Err(RecallError::Store { handle: *handle, class: Class::Transient, source })
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        Err(RecallError::Unknown { handle: *handle })
    }

    fn candidates(&self, _: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_text_that_could_not_be_kept() {
    let optimizer = builder(1).with_recall_store(Arc::new(FullDisk)).build().unwrap();
    let error = optimizer.optimize(&[Segment::new("a", Kind::Note, "one two")], None).unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(
        error.to_string(),
        "cannot reduce the context: what it would lose could not be kept for recall"
    );
}

#[test]
fn a_handle_of_nothing_that_was_dropped() {
    let optimizer = builder(1).build().unwrap();
    let error = optimizer.recall(&Handle::of("never")).unwrap_err();
    assert!(matches!(error, RecallError::Unknown { .. }));
    assert_eq!(error.class(), Class::Permanent);
}

#[test]
fn lines_that_are_no_range() {
    let broken = r#"{"id":"a","role":"user","kind":"code","text":"","source":{"name":"x","lines":{"first":3,"last":2}}}"#;
    let error = serde_json::from_str::<Segment>(broken).unwrap_err();
    assert!(error.to_string().starts_with("lines 3 to 2 are no range"), "{error}");
}
