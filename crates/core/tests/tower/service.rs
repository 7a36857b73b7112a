//! An agent as a service.

use futures::FutureExt;
use maniple_core::tower::{AgentService, Request};
use maniple_core::{
    AgentError, AgentExt, Class, Effect, EventKind, MemoryJournal, Run, RunContext, agent_fn,
};
use tower::{Service, ServiceExt};

use crate::common::{Alive, open};

#[tokio::test(start_paused = true)]
async fn an_agent_works_where_its_request_says() {
    let journal = MemoryJournal::new();
    let agent = agent_fn("double", |n: u64, cx: RunContext| async move {
        cx.step("double", Effect::Idempotent, n, |n, _| async move { Ok(2 * n) }).await
    });
    // The agents of other people come boxed.
    let service = AgentService::new(agent.boxed());
    for steps_run in [10, 0] {
        let run = open(Run::builder("places").with_journal(journal.clone())).await;
        let mut events = run.events();
        // The order of arrival differs from process to process.
        let numbers: Vec<u64> =
            if steps_run == 0 { (0..10).rev().collect() } else { (0..10).collect() };
        let calls = numbers.into_iter().map(|n| {
            let request = Request::new(run.context().child_at(n), n);
            service.clone().oneshot(request).map(move |doubled| assert_eq!(doubled.unwrap(), 2 * n))
        });
        futures::future::join_all(calls).await;
        assert_eq!(run.stats().steps_run, steps_run);
        let first = events.next().await.unwrap().unwrap();
        assert_eq!(first.kind, EventKind::Started);
        assert_eq!(first.path.as_str(), if steps_run == 0 { "[9]" } else { "[0]" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_error_of_its_call_alone() {
    let agent = agent_fn("picky", |n: u64, _| async move {
        if n == 0 {
            // Unlike `panic!` it prints nothing: this panic is expected.
            std::panic::resume_unwind(Box::new("not zero"));
        }
        Ok(n)
    });
    let mut service = AgentService::new(agent);
    let run = open(Run::builder("panics")).await;
    let error = service.ready().await.unwrap().call(Request::new(run.context().child_at(0), 0));
    let error = error.await.unwrap_err();
    assert!(
        matches!(&error, AgentError::Panicked { key, .. } if key.as_str() == "[0]"),
        "{error:?}"
    );
    let fine = service.ready().await.unwrap().call(Request::new(run.context().child_at(1), 1));
    assert_eq!(fine.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_drops_the_agent_and_cancelling_its_run_tells_it() {
    let alive = Alive::default();
    let service = {
        let alive = alive.clone();
        AgentService::new(agent_fn("waits", move |(), cx: RunContext| {
            let guard = alive.guard();
            async move {
                let _guard = guard;
                cx.cancelled().await;
                cx.check()
            }
        }))
    };
    let run = open(Run::builder("drop")).await;
    let mut response = service.clone().oneshot(Request::new(run.context().child_at(0), ()));
    assert!((&mut response).now_or_never().is_none());
    assert_eq!(alive.count(), 1);
    drop(response);
    assert_eq!(alive.count(), 0);

    let response = service.oneshot(Request::new(run.context().child_at(1), ()));
    run.cancel();
    assert_eq!(response.await.unwrap_err().class(), Class::Cancelled);
}
