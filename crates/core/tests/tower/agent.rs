//! A service as an agent.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use maniple_core::tower::service_agent;
use maniple_core::{
    AgentError, BaseAgent, Class, Effect, MemoryJournal, Run, RunContext, Scope, agent_fn,
};
use tower::service_fn;
use tower::util::BoxCloneService;

use crate::common::{open, settle};
use crate::mock::{FAILS, Mock, MockError, NEVER};

#[tokio::test(start_paused = true)]
async fn each_call_is_made_on_a_clone_that_was_ready() {
    let mock = Mock::new(3);
    let agent = Arc::new(service_agent("mock", mock.clone()));
    let run = open(Run::builder("ready")).await;
    for n in 1..=3 {
        assert_eq!(run.execute(agent.clone(), n).await.unwrap(), 2 * n);
    }
    assert_eq!(mock.calls(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_holds_its_agents_back() {
    let mock = Mock::new(0);
    let agent = Arc::new(service_agent("mock", mock.clone()));
    let run = open(Run::builder("backpressure")).await;
    let mut scope = Scope::open(&run.context()).unwrap();
    for n in 0..3 {
        let (child, agent) = (scope.child_at(n), agent.clone());
        scope.spawn(child, move |cx| async move { agent.run(n, &cx).await });
    }
    for let_in in 0..=3 {
        settle().await;
        assert_eq!(mock.calls().len(), let_in);
        mock.let_in(1);
    }
    while let Some(done) = scope.next().await {
        done.result.unwrap();
    }
    scope.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_readiness_ends_with_the_context() {
    let mock = Mock::new(0);
    let agent = service_agent("mock", mock.clone());
    let run = open(Run::builder("ends")).await;

    let late = run.context().child("late").with_deadline(Duration::from_secs(3));
    let began = tokio::time::Instant::now();
    let error = agent.run(1, &late).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert_eq!(began.elapsed(), Duration::from_secs(3));

    let cancelled = run.context().child("cancelled");
    let cancel = async {
        settle().await;
        run.cancel();
    };
    let (result, ()) = futures::join!(agent.run(1, &cancelled), cancel);
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert!(mock.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_once_the_context_has_ended() {
    let mock = Mock::new(1);
    let agent = service_agent("mock", mock.clone());
    let run = open(Run::builder("ended")).await;
    let cx = run.context();
    run.cancel();
    assert_eq!(agent.run(1, &cx).await.unwrap_err().class(), Class::Cancelled);
    assert!(mock.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_claims_no_more_than_is_known() {
    let mock = Mock::new(2);
    let run = open(Run::builder("errors")).await;
    let agent = service_agent("mock", mock.clone());
    let lost = run.execute(agent, FAILS).await.unwrap_err();
    assert_eq!(
        (lost.class(), lost.to_string().as_str()),
        (Class::Indeterminate, "the answer was lost")
    );

    let knows = service_agent("mock", mock.clone()).with_classes(|error| match error {
        MockError::Lost => Class::Permanent,
        MockError::Closed => Class::Indeterminate,
    });
    assert_eq!(run.execute(knows, FAILS).await.unwrap_err().class(), Class::Permanent);

    mock.close();
    let closed = run.execute(service_agent("mock", mock.clone()), 1).await.unwrap_err();
    assert_eq!(closed.class(), Class::Transient, "it was not called");
    let AgentError::Failed { source, .. } = closed else { panic!("{closed:?}") };
    assert_eq!(source.downcast_ref(), Some(&MockError::Closed));
    assert_eq!(mock.calls(), [FAILS, FAILS]);
}

#[tokio::test(start_paused = true)]
async fn an_agents_error_keeps_its_class_through_a_box() {
    let run = open(Run::builder("boxed")).await;
    let fails = service_fn(|n: u64| async move {
        let key = maniple_core::Key::new("/inner");
        let error: Box<dyn std::error::Error + Send + Sync> =
            Box::new(AgentError::Cancelled { key });
        if n == 0 { Ok(0) } else { Err(error) }
    });
    // A service that is not Sync is good enough.
    let agent =
        service_agent("boxed", BoxCloneService::new(fails)).with_classes(|_| Class::Permanent);
    let error = agent.run(1, &run.context()).await.unwrap_err();
    assert!(
        matches!(&error, AgentError::Cancelled { key } if key.as_str() == "/inner"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_not_asked_for_again_and_leaves_a_step_in_doubt() {
    let mock = Mock::new(2);
    let journal = MemoryJournal::new();
    let agent = |mock: Mock| {
        agent_fn("agent", move |(), cx: RunContext| {
            let service = Arc::new(service_agent("mock", mock.clone()));
            async move {
                let twice = NonZeroU32::new(2).unwrap();
                cx.attempts("try", twice, |cx| {
                    let service = service.clone();
                    async move {
                        let outer = cx.clone();
                        cx.step("charge", Effect::Irreversible, FAILS, |n, _| async move {
                            service.run(n, &outer).await
                        })
                        .await
                    }
                })
                .await
            }
        })
    };
    for (expected, calls) in [(Class::Indeterminate, 1), (Class::Parked, 1)] {
        let run = open(Run::builder("doubt").with_journal(journal.clone())).await;
        let error = run.execute(agent(mock.clone()), ()).await.unwrap_err();
        assert_eq!(error.class(), expected);
        assert_eq!(mock.calls().len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_the_agent_drops_the_call() {
    let mock = Mock::new(2);
    let agent = Arc::new(service_agent("mock", mock.clone()));
    let run = open(Run::builder("drop").with_grace(Duration::from_secs(1))).await;
    let cx = run.context();
    let mut dropped = agent.run(NEVER, &cx);
    assert!((&mut dropped).now_or_never().is_none());
    assert_eq!(mock.alive.count(), 1);
    drop(dropped);
    assert_eq!(mock.alive.count(), 0);

    let cancel = async {
        settle().await;
        assert_eq!(mock.alive.count(), 1);
        run.cancel();
    };
    let (result, ()) = futures::join!(run.execute(agent, NEVER), cancel);
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert_eq!((mock.alive.count(), mock.waiting()), (0, 0));
}
