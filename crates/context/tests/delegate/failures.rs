//! What becomes of failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_context::{ContextOptimizedAgent, PartError, PartRequest};
use maniple_core::{AgentError, BaseAgent, Class, MemoryJournal, Run, RunContext, agent_fn};

use crate::answers::{inner, optimizer, request};

fn wrapped<S>(specialist: S) -> impl BaseAgent<Input = maniple_context::ContextRequest>
where
    S: BaseAgent<Input = PartRequest, Output = String>,
{
    ContextOptimizedAgent::new(inner(), optimizer(4_000)).with_specialist_for_others(specialist)
}

async fn fail<S>(specialist: S) -> AgentError
where
    S: BaseAgent<Input = PartRequest, Output = String>,
{
    let run = Run::builder("test").open().await.unwrap();
    wrapped(specialist).run(request(), &run.context()).await.map(drop).unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_part_keeps_its_class_and_stops_the_others() {
    for class in [Class::Transient, Class::Permanent, Class::Indeterminate] {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = begun.clone();
        let error = fail(agent_fn("fail", move |request: PartRequest, cx: RunContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if request.part == "d1/notes.txt" {
                    return Err(AgentError::new(class, "the model has gone"));
                }
                cx.cancelled().await;
                Err(AgentError::Cancelled { key: cx.path() })
            }
        }))
        .await;
        assert_eq!(error.class(), class);
        let AgentError::Failed { source, .. } = &error else { panic!("{error}") };
        let part = source.downcast_ref::<PartError>().unwrap();
        assert_eq!((&*part.part, part.source.class()), ("d1/notes.txt", class));
        assert!(error.recorded().text.contains("the model has gone"), "{}", error.recorded());
        assert_eq!(begun.load(Ordering::SeqCst), 4, "those that had not begun do not begin");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_because_it_was_stopped_does_not_hide_why_it_was() {
    let error = fail(agent_fn("fail", |request: PartRequest, cx: RunContext| async move {
        if request.part != "d2/notes.txt" {
            cx.cancelled().await;
        }
        Err::<String, _>(AgentError::permanent(format!("{} has gone", request.part)))
    }))
    .await;
    assert!(error.recorded().text.contains("d2/notes.txt has gone"), "{}", error.recorded());
}

#[tokio::test(start_paused = true)]
async fn a_failure_for_good_is_the_same_in_every_process() {
    let journal = MemoryJournal::new();
    let mut told = Vec::new();
    for says in ["first", "second"] {
        let specialist = agent_fn("fail", move |request: PartRequest, _cx| async move {
            // The third fails while it is being stopped, and would be the first to fail on a replay.
            let delay = match &*request.part {
                "d3/notes.txt" => 1,
                "d2/notes.txt" => 2,
                _ => 9,
            };
            tokio::time::sleep(Duration::from_secs(delay)).await;
            Err::<String, _>(AgentError::permanent(format!("{} {says}", request.part)))
        });
        let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
            .with_specialist_for_others(specialist)
            .durable();
        let run = Run::builder("test").with_journal(journal.clone()).open().await.unwrap();
        let error = agent.run(request(), &run.context().child("agent")).await.unwrap_err();
        assert_eq!(error.class(), Class::Permanent);
        told.push(error.recorded().text);
    }
    assert_eq!(told[0], told[1]);
    assert!(
        told[0].contains("the part \"d3/notes.txt\"") && told[0].ends_with("first"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_after_which_to_try_again_is_kept() {
    let error = fail(agent_fn("busy", |_: PartRequest, _cx| async move {
        Err::<String, _>(AgentError::transient_for(Duration::from_secs(7), "busy"))
    }))
    .await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_failure_of_its_part() {
    let error = fail(agent_fn("panic", |request: PartRequest, _cx| async move {
        assert!(request.part.is_empty(), "no such part");
        Ok(String::new())
    }))
    .await;
    assert_eq!(error.class(), Class::Panicked);
    assert!(error.recorded().text.contains("no such part"), "{}", error.recorded());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_signal_suspends_all_when_the_others_have_ended() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = ended.clone();
    let specialist = agent_fn("wait", move |request: PartRequest, cx: RunContext| {
        let counted = counted.clone();
        async move {
            if ["d1/notes.txt", "d3/notes.txt"].contains(&&*request.part) {
                return cx.signal::<String>("approval").await;
            }
            tokio::time::sleep(Duration::from_secs(9)).await;
            counted.fetch_add(1, Ordering::SeqCst);
            Ok("answered".to_owned())
        }
    });
    let run = Run::builder("test").with_journal(MemoryJournal::new()).open().await.unwrap();
    let error = wrapped(specialist).run(request(), &run.context()).await.map(drop).unwrap_err();
    let AgentError::Suspended { signals } = error else { panic!("{error}") };
    let signals: Vec<&str> = signals.iter().map(maniple_core::Key::as_str).collect();
    assert_eq!(signals.len(), 2, "{signals:?}");
    assert!(signals[0].contains("d1") && signals[1].contains("d3"), "{signals:?}");
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_begins_no_part() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let agent = wrapped(agent_fn("count", move |_: PartRequest, _cx| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok(String::new()) }
    }));
    let run = Run::builder("test").open().await.unwrap();
    run.cancel();
    let error = agent.run(request(), &run.context()).await.map(drop).unwrap_err();
    assert_eq!(error.class(), Class::Cancelled);
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_stops_those_that_run_and_none_is_left() {
    let agent = wrapped(agent_fn("sleep", |_: PartRequest, _cx| async move {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Ok(String::new())
    }));
    let deadline = Duration::from_secs(60);
    let run = Run::builder("test").with_deadline(deadline).open().await.unwrap();
    let began = tokio::time::Instant::now();
    let error = agent.run(request(), &run.context()).await.map(drop).unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(70), "{:?}", began.elapsed());
}
