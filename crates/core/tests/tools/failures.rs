//! What becomes of a failure of a tool, for whom it is, and what is known of it later.

use std::collections::BTreeMap;

use maniple_core::{
    AgentError, Class, Effect, MemoryJournal, Reconciled, Run, RunBuilder, ToolOutcome,
    ToolResponse, reconciler_fn, tool_fn,
};
use serde_json::json;

use crate::common::{open, reopen};
use crate::{Calls, only, scripted};

const EFFECTS: [Effect; 4] =
    [Effect::Pure, Effect::Idempotent, Effect::Reversible, Effect::Irreversible];

/// Fails on its first call, with this class.
fn fails_once(class: Class, effect: Effect, calls: &Calls) -> maniple_core::ToolRegistry {
    only(scripted("tool", effect, calls, move |call, arguments| match (call, class) {
        (1, Class::Panicked) => std::panic::resume_unwind(Box::new("as it was told")),
        (1, class) => Err(AgentError::new(class, "as it was told")),
        _ => Ok(arguments.into()),
    }))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Called,
    Attempted,
}

/// What two processes are told of one call, and how often the tool ran.
async fn twice(
    class: Class,
    effect: Effect,
    how: How,
) -> (Vec<Result<ToolResponse, AgentError>>, usize) {
    let (journal, calls, mut told) = (MemoryJournal::new(), Calls::default(), Vec::new());
    let tools = fails_once(class, effect, &calls);
    for _ in 0..2 {
        let run = reopen(&journal).await;
        let cx = run.context();
        let arguments = json!({ "a": 1 });
        told.push(match how {
            How::Called => tools.call(&cx, "tool", arguments).await,
            How::Attempted => tools.attempt(&cx, "tool", arguments).await,
        });
    }
    (told, calls.count())
}

fn class_of(told: &Result<ToolResponse, AgentError>) -> Option<Class> {
    told.as_ref().err().map(AgentError::class)
}

#[tokio::test(start_paused = true)]
async fn what_a_model_is_answered_with_is_answered_ever_after() {
    for effect in EFFECTS {
        for class in [Class::Permanent, Class::Transient, Class::Indeterminate, Class::Panicked] {
            let is_doubtful = matches!(class, Class::Indeterminate | Class::Panicked);
            if is_doubtful && !effect.may_repeat() {
                continue;
            }
            let (told, count) = twice(class, effect, How::Called).await;
            let [Ok(first), Ok(second)] = &told[..] else { panic!("{effect} {class}: {told:?}") };
            assert_eq!((first, count), (second, 1), "{effect} {class}");
            let panicked = class == Class::Panicked;
            let outcome = if panicked { ToolOutcome::Panicked } else { ToolOutcome::Failed };
            assert_eq!(first.outcome, outcome);
            let error = first.error.as_ref().unwrap();
            assert_eq!(error.class, class);
            assert!(error.text.ends_with("as it was told"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_happened_and_may_not_repeat_is_left_in_doubt() {
    for effect in [Effect::Reversible, Effect::Irreversible] {
        for class in [Class::Indeterminate, Class::Panicked] {
            for how in [How::Called, How::Attempted] {
                let (told, count) = twice(class, effect, how).await;
                assert_eq!(class_of(&told[0]), Some(class), "{effect} {how:?}");
                assert_eq!(class_of(&told[1]), Some(Class::Parked), "{effect} {how:?}");
                assert_eq!(count, 1);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_lost_leaves_what_was_done_in_doubt() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}

    for effect in EFFECTS {
        let (journal, calls) = (MemoryJournal::new(), Calls::default());
        let counted = calls.clone();
        // Only texts and numbers are keys in JSON.
        let lost = tool_fn("tool", "", effect, move |_: Nothing, _| {
            counted.next();
            async { Ok(BTreeMap::from([(vec![1], "sent")])) }
        });
        let tools = only(lost);
        let mut told = Vec::new();
        for _ in 0..2 {
            let run = reopen(&journal).await;
            told.push(tools.call(&run.context(), "tool", json!({})).await);
        }
        assert_eq!(calls.count(), 1, "{effect}");
        if effect.may_repeat() {
            let response = told[0].as_ref().unwrap();
            assert_eq!(response.error.as_ref().unwrap().class, Class::Indeterminate);
            assert_eq!(told[1].as_ref().unwrap(), response);
        } else {
            assert_eq!(class_of(&told[0]), Some(Class::Indeterminate), "{effect}");
            assert_eq!(class_of(&told[1]), Some(Class::Parked), "{effect}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_too_deep_to_be_read_back_is_answered_the_same_ever_after() {
    for effect in EFFECTS {
        for depth in [90, 120, 126, 127, 128, 1000] {
            let (journal, calls, mut told) = (MemoryJournal::new(), Calls::default(), Vec::new());
            let tools = only(scripted("tool", effect, &calls, move |_, _| {
                Ok((0..depth).fold(json!(1), |inner, _| json!([inner])).into())
            }));
            for _ in 0..2 {
                let run = reopen(&journal).await;
                told.push(tools.call(&run.context(), "tool", json!({})).await);
            }
            assert_eq!(calls.count(), 1, "{effect} {depth}");
            match &told[..] {
                [Ok(first), Ok(second)] => {
                    assert_eq!(first, second, "{effect} {depth}");
                    let lost = first.error.as_ref().map(|error| error.class);
                    assert_eq!(lost, (depth > 100).then_some(Class::Indeterminate), "{depth}");
                    assert!(effect.may_repeat() || lost.is_none());
                }
                [first, second] => {
                    assert_eq!(class_of(first), Some(Class::Indeterminate), "{effect} {depth}");
                    assert_eq!(class_of(second), Some(Class::Parked), "{effect} {depth}");
                    assert!(!effect.may_repeat());
                }
                _ => unreachable!(),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_of_an_attempt_is_none_and_the_tool_runs_again() {
    for effect in EFFECTS {
        let (told, count) = twice(Class::Transient, effect, How::Attempted).await;
        assert_eq!(class_of(&told[0]), Some(Class::Transient), "{effect}");
        assert!(told[1].as_ref().unwrap().is_success(), "{effect}");
        assert_eq!(count, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_call_again_within_one_process_and_end_in_an_answer() {
    let calls = Calls::default();
    let tools = fails_once(Class::Transient, Effect::Irreversible, &calls);
    let journal = MemoryJournal::new();
    for _ in 0..2 {
        let run = reopen(&journal).await;
        let cx = run.context();
        let three = 3.try_into().unwrap();
        let response = cx
            .attempts("tries", three, |cx| {
                let tools = tools.clone();
                async move { tools.attempt(&cx, "tool", json!({})).await }
            })
            .await;
        assert!(response.unwrap().is_success());
    }
    assert_eq!(calls.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_of_the_run_is_no_answer() {
    for class in [
        Class::Cancelled,
        Class::DeadlineExceeded,
        Class::BudgetExhausted,
        Class::Suspended,
        Class::Parked,
        Class::Diverged,
    ] {
        for effect in EFFECTS {
            let (told, count) = twice(class, effect, How::Called).await;
            assert_eq!(class_of(&told[0]), Some(class), "{effect}");
            if effect.may_repeat() || class.is_certain() {
                assert!(told[1].as_ref().unwrap().is_success(), "{effect} {class}");
                assert_eq!(count, 2);
            } else {
                assert_eq!(class_of(&told[1]), Some(Class::Parked), "{effect} {class}");
                assert_eq!(count, 1);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_calls_nothing_and_answers_nothing() {
    let calls = Calls::default();
    let tools = fails_once(Class::Transient, Effect::Pure, &calls);
    let run = open(Run::builder("cancelled")).await;
    run.cancel();
    let error = tools.call(&run.context(), "tool", json!({})).await.unwrap_err();
    assert_eq!((error.class(), calls.count()), (Class::Cancelled, 0));
}

/// What a model is told of a call in doubt, where the reconciler answers so; and how often the tool
/// ran in all.
async fn reconciled(answer: Reconciled) -> (Result<ToolResponse, AgentError>, usize) {
    let (journal, calls) = (MemoryJournal::new(), Calls::default());
    let tools = fails_once(Class::Indeterminate, Effect::Irreversible, &calls);
    let run = reopen(&journal).await;
    let cx = run.context();
    tools.call(&cx, "tool", json!({ "a": 1 })).await.unwrap_err();
    let reconciler = |builder: RunBuilder| {
        let answer = answer.clone();
        builder.with_reconciler(reconciler_fn(move |doubt| {
            assert_eq!(doubt.key.as_str(), "/tool");
            std::future::ready(answer.clone())
        }))
    };
    let builder = Run::builder("test").with_journal(journal.clone());
    let run = open(reconciler(builder)).await;
    let told = tools.call(&run.context(), "tool", json!({ "a": 1 })).await;
    // It stands, without anybody who is asked.
    let run = reopen(&journal).await;
    let cx = run.context();
    let again = tools.call(&cx, "tool", json!({ "a": 1 })).await;
    assert_eq!(told.as_ref().ok(), again.as_ref().ok());
    (told, calls.count())
}

#[tokio::test(start_paused = true)]
async fn a_reconciler_answers_for_a_call_in_doubt() {
    let sent = ToolResponse::succeeded(json!("it was sent"));
    let (told, count) = reconciled(Reconciled::completed(&sent).unwrap()).await;
    assert_eq!((told.unwrap(), count), (sent, 1));

    let (told, count) = reconciled(Reconciled::Failed("it was lost".into())).await;
    let response = told.unwrap();
    assert_eq!((response.outcome, count), (ToolOutcome::Failed, 1));
    let error = response.error.unwrap();
    assert_eq!((error.class, &*error.text), (Class::Permanent, "it was lost"));

    let (told, count) = reconciled(Reconciled::Rerun).await;
    assert_eq!((told.unwrap().data, count), (json!({ "a": 1 }), 2));

    let (told, count) = reconciled(Reconciled::Park("nobody knows".into())).await;
    assert_eq!((told.unwrap_err().class(), count), (Class::Parked, 1));
}
