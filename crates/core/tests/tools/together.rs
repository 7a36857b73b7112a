//! Calls that a model asks for at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, Class, Effect, MemoryJournal, RunContext, StepContext, ToolCall, ToolOutcome,
    ToolRegistry, ToolResponse, agent_fn, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::{Alive, reopen};
use crate::{Calls, prefix, scripted};

#[derive(Deserialize, JsonSchema)]
struct Nap {
    millis: u64,
}

/// A tool that takes as long as it is told, and says where it ran; and one that panics, and may not
/// be called again.
fn tools(alive: &Alive, most: &Arc<AtomicUsize>, calls: &Calls) -> ToolRegistry {
    let (alive, most, counted) = (alive.clone(), most.clone(), calls.clone());
    let nap = tool_fn("nap", "", Effect::Idempotent, move |nap: Nap, step: StepContext| {
        let (alive, most) = (alive.clone(), most.clone());
        counted.next();
        async move {
            let _guard = alive.guard();
            most.fetch_max(alive.count(), Ordering::SeqCst);
            sleep(Duration::from_millis(nap.millis)).await;
            Ok(step.key().to_string())
        }
    });
    let breaks = scripted("break", Effect::Irreversible, &Calls::default(), |_, _| {
        std::panic::resume_unwind(Box::new("as it was told"))
    });
    ToolRegistry::builder().with(nap).with(breaks).build().unwrap()
}

fn nap(millis: u64) -> ToolCall {
    ToolCall::new("nap", json!({ "millis": millis }))
}

fn limit(at_once: usize) -> NonZeroUsize {
    at_once.try_into().unwrap()
}

async fn called(
    journal: &MemoryJournal,
    tools: &ToolRegistry,
    batches: Vec<Vec<ToolCall>>,
    at_once: usize,
) -> Result<Vec<Vec<ToolResponse>>, AgentError> {
    let tools = tools.clone();
    let agent = agent_fn("agent", move |(), cx: RunContext| {
        let (tools, batches) = (tools.clone(), batches.clone());
        async move {
            let mut answers = Vec::new();
            for calls in batches {
                answers.push(tools.call_all(&cx, calls, limit(at_once)).await?);
            }
            Ok(answers)
        }
    });
    reopen(journal).await.execute(agent, ()).await
}

fn data(responses: &[ToolResponse]) -> Vec<Value> {
    responses.iter().map(|response| response.data.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_tool_run_at_once_within_the_limit_and_are_answered_in_their_order() {
    for at_once in 1..=4 {
        let (alive, most) = (Alive::default(), Arc::default());
        let tools = tools(&alive, &most, &Calls::default());
        let batches = vec![vec![nap(40), nap(30), nap(20), nap(10)], vec![], vec![nap(1)]];
        let answers = called(&MemoryJournal::new(), &tools, batches, at_once).await.unwrap();
        let places = [0, 1, 2, 3].map(|i| json!(format!("/agent/calls[{i}]/nap")));
        assert_eq!(data(&answers[0]), places);
        assert_eq!(data(&answers[1]), [] as [Value; 0]);
        assert_eq!(data(&answers[2]), [json!("/agent/calls#3[0]/nap")]);
        assert_eq!(most.load(Ordering::SeqCst), at_once);
        assert_eq!(alive.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_answered_in_its_place() {
    let tools = tools(&Alive::default(), &Arc::default(), &Calls::default());
    let calls = vec![ToolCall::new("none", json!({})), nap(1), ToolCall::new("nap", "{"), nap(2)];
    let answers = called(&MemoryJournal::new(), &tools, vec![calls], 9).await.unwrap();
    let outcomes: Vec<_> = answers[0].iter().map(|response| response.outcome).collect();
    assert_eq!(
        outcomes,
        [
            ToolOutcome::Unknown,
            ToolOutcome::Succeeded,
            ToolOutcome::Rejected,
            ToolOutcome::Succeeded
        ]
    );
    assert_eq!(answers[0][3].data, "/agent/calls[3]/nap");
}

#[tokio::test(start_paused = true)]
async fn the_others_end_and_are_kept_where_one_call_is_in_doubt() {
    let (journal, calls) = (MemoryJournal::new(), Calls::default());
    let alive = Alive::default();
    let tools = tools(&alive, &Arc::default(), &calls);
    let batch = vec![nap(30), ToolCall::new("break", json!({})), nap(10), nap(20)];
    let error = called(&journal, &tools, vec![batch.clone()], 2).await.unwrap_err();
    assert_eq!((error.class(), calls.count()), (Class::Panicked, 3));
    assert_eq!(alive.count(), 0);
    let error = called(&journal, &tools, vec![batch], 2).await.unwrap_err();
    assert_eq!((error.class(), calls.count()), (Class::Parked, 3));
}

#[tokio::test(start_paused = true)]
async fn wherever_the_process_dies_each_call_finds_its_own_response() {
    let batches = vec![vec![nap(30), nap(10), nap(20)], vec![nap(20), nap(10)]];
    let (whole, calls) = (MemoryJournal::new(), Calls::default());
    let tools = tools(&Alive::default(), &Arc::default(), &calls);
    let expected = called(&whole, &tools, batches.clone(), 2).await.unwrap();
    assert_eq!(calls.count(), 5);
    for records in 0..=whole.records().len() {
        let journal = prefix(&whole, records);
        let kept = whole.records()[..records]
            .iter()
            .filter(|record| record.key.as_str().ends_with("/nap"))
            .filter(|record| format!("{:?}", record.fact).starts_with("Receipt"))
            .count();
        let before = calls.count();
        let resumed = called(&journal, &tools, batches.clone(), 2).await.unwrap();
        assert_eq!(resumed, expected, "{records}");
        assert_eq!(calls.count() - before, 5 - kept, "{records}");
    }
}
