//! Specialists that answer for parts of a context, crashed at every record of their journal.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;

use maniple_context::{
    ContextOptimizedAgent, ContextOptimizer, ContextRequest, Encoding, Kind, PartRequest, Segment,
    Source, Tiktoken,
};
use maniple_core::{AgentError, BaseAgent, Effect, RunContext, agent_fn};
use maniple_testkit::{CrashTest, Process};

/// A call that the world sees, as a specialist and who asks it make one each.
async fn call(cx: &RunContext, process: &Process, what: String) -> Result<String, AgentError> {
    let process = process.clone();
    cx.step("call", Effect::Irreversible, what, move |what, step| async move {
        process.perform(&step, || Ok(format!("of {what}"))).await
    })
    .await
}

/// Has folders answered for by specialists. Answers with what it was given.
fn agent(
    process: Process,
    is_durable: bool,
) -> impl BaseAgent<Input = ContextRequest, Output = Vec<String>> {
    let of_inner = process.clone();
    let inner = agent_fn("inner", move |request: ContextRequest, cx: RunContext| {
        let process = of_inner.clone();
        async move {
            let text = |segment: &Segment| segment.text().to_string();
            let given: Vec<String> = request.segments.iter().map(text).collect();
            call(&cx, &process, given.concat()).await?;
            Ok(given)
        }
    });
    let specialist = agent_fn("ask", move |request: PartRequest, cx: RunContext| {
        let process = process.clone();
        async move { call(&cx, &process, request.part).await }
    });
    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    let optimizer = ContextOptimizer::builder(counter, 1_000).build().unwrap();
    let agent = ContextOptimizedAgent::new(inner, Arc::new(optimizer))
        .with_concurrency(2)
        .with_specialist_for_others(specialist);
    if is_durable { agent.durable() } else { agent }
}

fn request() -> ContextRequest {
    let file = |path: String| {
        let line = |at| format!("Line {at} of {path} says that retry {at} waits.\n");
        let text: String = (0..12).map(line).collect();
        Segment::new(path.as_str(), Kind::File, text).with_source(Source::new(path.as_str()))
    };
    let mut segments =
        vec![Segment::new("asked", Kind::User, "Why does the third retry fail?").pinned()];
    segments.extend((0..4).map(|at| file(format!("d{at}/notes.txt"))));
    ContextRequest::new(segments)
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_record_has_nobody_asked_twice_and_merges_the_same() {
    for is_durable in [false, true] {
        for seed in 0..2 {
            let test = CrashTest::new(move |process| agent(process, is_durable))
                .with_input(request())
                .with_seed(seed)
                .with_run(|run, world| run.with_reconciler(world.reconciler()));
            let examined = test.run().await.unwrap();
            // The start and the end of the run, and the calls of three parts and of who asked.
            assert!(examined.records >= 2 + 2 * 4, "{examined:?}");
            assert!(examined.crashes > examined.records, "{examined:?}");
        }
    }
}
