//! A recording sink has all that a run has said.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use maniple_core::{EventKind, Progress, Run, RunContext, Scope, agent_fn};
use maniple_testkit::RecordingSink;

async fn tell(cx: &RunContext, times: u64) {
    for done in 0..times {
        cx.progress(|| Progress { done, ..Progress::default() });
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_was_said_is_there_in_order() {
    let sink = RecordingSink::new();
    let run = Run::builder("test").with_sink(sink.clone()).open().await.unwrap();
    let tells = agent_fn("tells", |(): (), cx: RunContext| async move {
        let mut scope = Scope::open(&cx)?;
        for i in 0..4_u64 {
            scope.spawn(scope.child_at(i), |cx| async move {
                tell(&cx, 1000).await;
                Ok(())
            });
        }
        while scope.next().await.is_some() {}
        Ok(())
    });
    run.execute(tells, ()).await.unwrap();

    let events = sink.events();
    assert!(matches!(events[0].kind, EventKind::Opened { .. }));
    let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    for i in 0..4 {
        let told = sink.about(&format!("/tells[{i}]"));
        let done = told.iter().filter_map(|kind| match kind {
            EventKind::Progress(progress) => Some(progress.done),
            _ => None,
        });
        assert_eq!(done.collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        assert_eq!(told.first(), Some(&EventKind::Started));
        assert_eq!(told.last(), Some(&EventKind::Finished { error: None }));
    }
    assert_eq!(sink.about("/others"), []);
}
