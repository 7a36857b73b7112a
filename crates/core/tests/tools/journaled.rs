//! A call that has ended is answered from the journal, and what follows it comes out the same.

use std::time::Duration;

use maniple_core::{
    AgentError, Class, Effect, MemoryJournal, Run, RunContext, ToolRegistry, ToolResponse,
    agent_fn, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::reopen;
use crate::{Calls, only, prefix, scripted};

#[derive(Deserialize, JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
}

/// A tool that takes longer each time.
fn slow_sum(calls: &Calls) -> ToolRegistry {
    let calls = calls.clone();
    only(tool_fn("sum", "Adds.", Effect::Irreversible, move |sum: Sum, _| {
        let calls = calls.clone();
        async move {
            sleep(Duration::from_secs(u64::try_from(calls.next()).unwrap())).await;
            Ok(sum.a + sum.b)
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_finished_call_is_answered_from_the_journal_whatever_the_order_of_its_arguments() {
    let (journal, calls) = (MemoryJournal::new(), Calls::default());
    let tools = slow_sum(&calls);
    let mut responses = Vec::new();
    for arguments in [r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#] {
        let run = reopen(&journal).await;
        let cx = run.context();
        responses.push(tools.call(&cx, "sum", arguments.into()).await.unwrap());
    }
    assert_eq!(calls.count(), 1);
    assert_eq!((&responses[0].data, responses[0].duration), (&json!(3), Duration::from_secs(1)));
    assert_eq!(responses[0], responses[1]);
}

#[tokio::test(start_paused = true)]
async fn a_finished_call_with_other_arguments_has_diverged() {
    let (journal, calls) = (MemoryJournal::new(), Calls::default());
    let tools = slow_sum(&calls);
    let sum = async |arguments| {
        let run = reopen(&journal).await;
        let cx = run.context();
        tools.call(&cx, "sum", arguments).await
    };
    sum(json!({ "a": 1, "b": 2 })).await.unwrap();
    let error = sum(json!({ "a": 1, "b": 3 })).await.unwrap_err();
    assert_eq!((error.class(), calls.count()), (Class::Diverged, 1));
}

/// An agent that tells a model of each response, and lets it say what comes next.
async fn converse(cx: RunContext, tools: ToolRegistry) -> Result<Vec<String>, AgentError> {
    let (mut told, mut next) = (Vec::new(), json!({}));
    for _ in 0..3 {
        let response = tools.call(&cx, "flaky", next).await?;
        told.push(response.for_model());
        // What a model is asked is digested: where it is not the same again, the run has diverged.
        let (heard, turn) = (told.clone(), told.len());
        next = cx
            .step("model", Effect::Pure, heard, move |heard, _| async move {
                Ok(json!({ "turn": turn, "heard": heard.len() }))
            })
            .await?;
    }
    Ok(told)
}

/// Each failure that a model is answered with, once, and then success. What it says depends on how
/// often it ran.
fn flaky(effect: Effect, calls: &Calls) -> ToolRegistry {
    only(scripted("flaky", effect, calls, move |call, _| match call {
        1 => Err(AgentError::transient("busy")),
        2 if effect.may_repeat() => std::panic::resume_unwind(Box::new("dropped it")),
        2 => Err(AgentError::permanent("no")),
        call => Ok(Value::from(call).into()),
    }))
}

async fn executed(
    journal: &MemoryJournal,
    tools: &ToolRegistry,
) -> (Result<Vec<String>, AgentError>, Run) {
    let tools = tools.clone();
    let agent = agent_fn("agent", move |(), cx: RunContext| converse(cx, tools.clone()));
    let run = reopen(journal).await;
    (run.execute(agent, ()).await, run)
}

#[tokio::test(start_paused = true)]
async fn what_a_model_was_told_stands_wherever_the_process_dies() {
    for effect in [Effect::Pure, Effect::Idempotent, Effect::Reversible, Effect::Irreversible] {
        let (whole, calls) = (MemoryJournal::new(), Calls::default());
        let (told, _) = executed(&whole, &flaky(effect, &calls)).await;
        let told = told.unwrap();
        assert_eq!(calls.count(), 3);
        for records in 0..=whole.records().len() {
            let journal = prefix(&whole, records);
            let calls = Calls::default();
            // Its first answer is another one than in the process that has died.
            calls.next();
            let tools = flaky(effect, &calls);
            let (resumed, _) = executed(&journal, &tools).await;
            let resumed = match resumed {
                Ok(resumed) => resumed,
                // A call was in flight that may not be made again.
                Err(error) => {
                    assert_eq!(error.class(), Class::Parked, "{effect} {records}: {error}");
                    assert!(!effect.may_repeat());
                    continue;
                }
            };
            // What was answered and journaled is what it was.
            let kept = whole.records()[..records]
                .iter()
                .filter(|record| record.key.as_str().contains("flaky"))
                .filter(|record| format!("{:?}", record.fact).starts_with("Receipt"))
                .count();
            assert_eq!(resumed[..kept], told[..kept], "{effect} {records}");
            assert_eq!(calls.count(), 1 + 3 - kept, "{effect} {records}");
            // And it is final now.
            let (again, run) = executed(&journal, &tools).await;
            assert_eq!(again.unwrap(), resumed);
            assert_eq!(run.stats().steps_run, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_of_a_call_holds_the_response() {
    let (journal, calls) = (MemoryJournal::new(), Calls::default());
    let run = reopen(&journal).await;
    let cx = run.context();
    let response = slow_sum(&calls).call(&cx, "sum", json!({ "a": 1, "b": 1 })).await.unwrap();
    let written = serde_json::to_value(journal.records().last().unwrap()).unwrap();
    let output = &written["fact"]["receipt"]["outcome"]["ok"];
    let recorded: ToolResponse = serde_json::from_value(output.clone()).unwrap();
    assert_eq!(recorded, response);
}
