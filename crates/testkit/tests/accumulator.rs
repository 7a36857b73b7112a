//! What phases find survives the crashes of a workflow, and goes from session to session.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;

use maniple_bundles::{Meta, Sessions};
use maniple_context::relevance::Query;
use maniple_context::{
    ContextAccumulator, Encoding, Finding, Injector, MemoryRecall, Tiers, Tiktoken, Topic,
};
use maniple_core::{AgentError, BaseAgent, Effect, Journal, Run, RunContext, agent_fn};
use maniple_testkit::{CrashTest, Process};

/// What the world answers, which is another thing where something else was known before.
async fn look(
    cx: &RunContext,
    process: &Process,
    phase: &'static str,
    known: String,
) -> Result<Vec<String>, AgentError> {
    let process = process.clone();
    cx.step("look", Effect::Idempotent, known, move |known, step| async move {
        process
            .perform(&step, || {
                Ok(vec![format!("{phase} after {known:?}"), format!("{phase} ends")])
            })
            .await
    })
    .await
}

/// Three phases, each of which looks around with what those before it have found.
fn workflow(
    process: Process,
) -> impl BaseAgent<Input = (), Output = (ContextAccumulator, Vec<String>)> {
    agent_fn("workflow", move |(): (), cx: RunContext| {
        let process = process.clone();
        async move {
            let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
            // The store is that of the process: a new one has to fill it again.
            let injector = Injector::new(counter, Arc::new(MemoryRecall::new()))
                .with_tiers(Tiers::new(100, 200, 300).unwrap());
            let mut found = ContextAccumulator::new();
            let mut injected = Vec::new();
            for (phase, topic) in [
                ("explore", Topic::Structure),
                ("plan", Topic::Constraint),
                ("build", Topic::Discovery),
            ] {
                let cx = cx.child(phase);
                let query = Query::new("What does explore say?");
                let injection = found.inject(Some(&query), &injector).unwrap();
                let known: String =
                    injection.segments.iter().map(|segment| &**segment.text()).collect();
                injected.push(known.clone());
                let texts = look(&cx, &process, phase, known).await?;
                let [first, second] = <[_; 2]>::try_from(texts).unwrap();
                found.record([Finding::new(topic, phase, first)], &cx).await?;
                let both = ["the same in each phase".into(), second];
                let both = both.map(|text| Finding::new(Topic::Semantics, phase, text));
                found.record(both, &cx).await?;
            }
            Ok((found, injected))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_crashes_at_any_record_ends_with_the_same_findings() {
    let examined = CrashTest::new(workflow).with_crashes(2).run().await.unwrap();
    // Start, intent, receipt and two decisions for each phase, end.
    assert_eq!(examined.records, 1 + 3 * 4 + 1);
    assert!(examined.levels[0].tried == examined.levels[0].possible, "{examined}");
}

#[tokio::test]
async fn findings_go_from_session_to_session() {
    let folder = tempfile::tempdir().unwrap();
    let phases = ["explore", "plan", "build"];
    let mut ids = Vec::new();
    for (at, phase) in phases.into_iter().enumerate() {
        // Each phase is another process, with a session of its own.
        let sessions = Sessions::in_dir(folder.path());
        let mut found = ContextAccumulator::new();
        for id in &ids {
            let session = sessions.remount(*id).await.unwrap();
            found.add_records(&session.load().await.unwrap()).unwrap();
            session.close().await.unwrap();
        }
        assert_eq!(found.len(), at);

        let session = Arc::new(sessions.create(Meta::new(phase)).await.unwrap());
        ids.push(session.id());
        let run = Run::builder(phase).with_journal(Arc::clone(&session)).open().await.unwrap();
        let new = Finding::new(Topic::History, phase, format!("{phase} was here"));
        found.record([new], &run.context()).await.unwrap();
        // A session keeps the whole too, where no record has to be read again.
        session.set("findings", &found).await.unwrap();
        let kept: ContextAccumulator = session.get("findings").unwrap().unwrap();
        assert_eq!(kept, found);
        session.close().await.unwrap();
    }
}
