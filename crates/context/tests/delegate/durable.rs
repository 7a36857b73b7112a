//! A run that is opened again does not ask again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_context::{ContextOptimizedAgent, ContextRequest, PartRequest};
use maniple_core::{
    AgentError, BaseAgent, Class, Effect, MemoryJournal, Run, RunContext, agent_fn,
};

use crate::answers::{inner, optimizer, request};

/// Asks in a step; the part `fails` fails for now.
fn in_steps(
    asked: Arc<AtomicUsize>,
    fails: Option<&'static str>,
) -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("ask", move |request: PartRequest, cx: RunContext| {
        let asked = asked.clone();
        async move {
            cx.step("model", Effect::Pure, request.part, move |part, _| async move {
                if Some(&*part) == fails {
                    return Err(AgentError::transient("busy"));
                }
                asked.fetch_add(1, Ordering::SeqCst);
                Ok(format!("of {part}"))
            })
            .await
        }
    })
}

/// Asks outside of steps.
fn plainly(asked: Arc<AtomicUsize>) -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("ask", move |request: PartRequest, _cx| {
        asked.fetch_add(1, Ordering::SeqCst);
        async move { Ok(format!("of {}", request.part)) }
    })
}

async fn once<S>(
    journal: &MemoryJournal,
    specialist: S,
    is_durable: bool,
) -> Result<ContextRequest, AgentError>
where
    S: BaseAgent<Input = PartRequest, Output = String>,
{
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_concurrency(1)
        .with_specialist_for_others(specialist);
    let agent = if is_durable { agent.durable() } else { agent };
    let run = Run::builder("test").with_journal(journal.clone()).open().await.unwrap();
    // As after a crash: the run is not finished.
    agent.run(request(), &run.context().child("agent")).await
}

#[tokio::test(start_paused = true)]
async fn steps_of_specialists_that_have_ended_do_not_run_again() {
    let (journal, asked) = (MemoryJournal::new(), Arc::new(AtomicUsize::new(0)));
    let failed = once(&journal, in_steps(asked.clone(), Some("d2/notes.txt")), false).await;
    assert_eq!(failed.unwrap_err().class(), Class::Transient);
    let before = asked.load(Ordering::SeqCst);
    assert_eq!(before, 2, "d0 and d1");
    let answered = once(&journal, in_steps(asked.clone(), None), false).await.unwrap();
    let parts = asked.load(Ordering::SeqCst);
    assert_eq!(parts, 4, "of four parts each was asked for once");
    let again = once(&journal, in_steps(asked.clone(), None), false).await.unwrap();
    assert_eq!(again, answered);
    assert_eq!(asked.load(Ordering::SeqCst), parts);
}

#[tokio::test(start_paused = true)]
async fn durable_answers_are_not_asked_for_again_also_without_steps() {
    for (is_durable, in_all) in [(true, 4), (false, 8)] {
        let (journal, asked) = (MemoryJournal::new(), Arc::new(AtomicUsize::new(0)));
        let first = once(&journal, plainly(asked.clone()), is_durable).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 4);
        assert_eq!(once(&journal, plainly(asked.clone()), is_durable).await.unwrap(), first);
        assert_eq!(asked.load(Ordering::SeqCst), in_all);
    }
}

#[test]
fn what_agents_are_given_survives_json() {
    let json = serde_json::to_string(&request()).unwrap();
    assert_eq!(serde_json::from_str::<ContextRequest>(&json).unwrap(), request());
}
