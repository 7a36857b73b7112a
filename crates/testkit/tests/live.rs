//! A transcript that grows in an agent, crashed at every record of its journal.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;

use maniple_context::{
    ContextOptimizer, Encoding, Handle, Kind, LiveContext, MemoryRecall, RecallStore, Segment,
    Tiktoken,
};
use maniple_core::{AgentError, BaseAgent, Effect, RunContext, agent_fn};
use maniple_testkit::{CrashTest, Process};

/// A program that a model calls, and what it prints.
async fn call(cx: &RunContext, process: &Process, n: u64) -> Result<String, AgentError> {
    let process = process.clone();
    cx.step("call", Effect::Irreversible, n, move |n, step| async move {
        let print =
            || Ok((0..6).fold(String::new(), |text, k| text + &format!("row {k} of part{n}\n")));
        process.perform(&step, print).await
    })
    .await
}

/// Asks for so many turns, and says what each of them sent. Each process has a memory of its own.
fn agent(process: Process) -> impl BaseAgent<Input = u64, Output = Vec<String>> {
    agent_fn("agent", move |turns: u64, cx| {
        let process = process.clone();
        async move {
            let store = Arc::new(MemoryRecall::new());
            let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
            let optimizer = ContextOptimizer::builder(counter, 300)
                .with_recall_store(Arc::clone(&store) as Arc<dyn RecallStore>)
                .build()?;
            let mut live = LiveContext::new(Arc::new(optimizer));
            live.push(Segment::new("task", Kind::User, "Which of the rows are new?").pinned())?;
            let (mut sent, mut pushed) = (Vec::new(), Vec::new());
            for n in 0..turns {
                let pair = format!("p{n}");
                let result = call(&cx, &process, n).await?;
                live.push(Segment::tool_call(format!("c{n}"), pair.as_str(), format!("find {n}")))?;
                let result = Segment::tool_result(format!("r{n}"), pair.as_str(), result);
                pushed.push(result.clone());
                live.push(result)?;
                let turn = live.turn_in(None, &cx).await?;
                sent.push(turn.segments.iter().map(|segment| &**segment.text()).collect());
            }
            let is_there = |segment: &&Segment| live.segments().contains(segment);
            for gone in pushed.iter().filter(|segment| !is_there(segment)) {
                store.get(&Handle::of(gone.text()))?;
            }
            Ok(sent)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_record_sends_what_would_have_been_sent() {
    let test = CrashTest::new(agent).with_input(14);
    let test = test.with_run(|run, world| run.with_reconciler(world.reconciler()));
    let examined = test.run().await.unwrap();
    assert!(examined.is_complete());
    // The start and the end of the run, each call, and at least three compactions.
    assert!(examined.records >= 2 + 2 * 14 + 2 * 3, "{} records", examined.records);
}
