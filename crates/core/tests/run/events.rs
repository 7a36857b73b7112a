//! Events: in the order of each context, and at no cost to the run where the listener is slow.

use std::collections::BTreeMap;

use futures::FutureExt;
use maniple_core::{
    AgentError, AgentEvent, Effect, EventKind, Events, Key, Lost, Progress, Run, RunContext, Scope,
    agent_fn,
};

use tokio::task::unconstrained;

use crate::common::{open, settle};

/// What has come so far, without the gaps.
fn received(events: &mut Events) -> (Vec<AgentEvent>, u64) {
    let (mut all, mut lost) = (Vec::new(), 0);
    while let Some(Some(event)) = unconstrained(events.next()).now_or_never() {
        match event {
            Ok(event) => all.push(event),
            Err(Lost(events)) => lost += events,
        }
    }
    (all, lost)
}

fn progress(done: u64) -> Progress {
    Progress { message: "counting".into(), done, total: None }
}

/// A task that tells how far it is, and lets others run in between.
async fn tells(cx: RunContext, times: u64) -> Result<(), AgentError> {
    for done in 0..times {
        cx.progress(|| progress(done));
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_each_context_come_in_its_order() {
    const TASKS: u64 = 8;
    const TIMES: u64 = 50;
    let run = open(Run::builder("order")).await;
    let mut events = run.events();
    let mut scope = Scope::open(&run.context()).unwrap();
    for task in 0..TASKS {
        let child = scope.child_at(task);
        scope.spawn(child, |cx| tells(cx, TIMES));
    }
    while let Some(done) = scope.next().await {
        done.result.unwrap();
    }
    scope.close().await;

    let (events, lost) = received(&mut events);
    assert_eq!(lost, 0);
    let mut contexts: BTreeMap<Key, Vec<AgentEvent>> = BTreeMap::new();
    for event in events {
        assert_eq!(&event.run, run.id());
        contexts.entry(event.path.clone()).or_default().push(event);
    }
    assert_eq!(contexts.len() as u64, TASKS);
    for events in contexts.values() {
        assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
        let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
        let between = (0..TIMES).map(|done| EventKind::Progress(progress(done)));
        let expected = [EventKind::Started].into_iter().chain(between);
        let expected: Vec<_> = expected.chain([EventKind::Finished { error: None }]).collect();
        assert_eq!(kinds, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_runs_and_one_that_is_replayed_are_told_apart() {
    let run = open(Run::builder("steps")).await;
    let agent = || {
        agent_fn("agent", |(), cx: RunContext| async move {
            cx.step("ok", Effect::Idempotent, (), |(), _| async { Ok(1) }).await?;
            let fails = |(), _| async { Err::<u8, _>(AgentError::permanent("no")) };
            cx.step("fails", Effect::Pure, (), fails).await
        })
    };
    let mut events = run.events();
    let error = run.execute(agent(), ()).await.unwrap_err();
    let error = Some(error.recorded());
    let (first, _) = received(&mut events);
    let of = |path: &str| -> Vec<EventKind> {
        first.iter().filter(|e| e.path.as_str() == path).map(|e| e.kind.clone()).collect()
    };
    assert_eq!(of("/agent"), [EventKind::Started, EventKind::Finished { error: error.clone() }]);
    let [EventKind::StepStarted { effect }, EventKind::StepFinished { error: None, .. }] =
        &of("/agent/ok")[..]
    else {
        panic!("{first:?}");
    };
    assert_eq!(*effect, Effect::Idempotent);
    let fails = of("/agent/fails");
    assert!(matches!(&fails[1], EventKind::StepFinished { error: e, .. } if *e == error));
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_is_told_how_much_it_lost_and_slows_nobody() {
    const BUFFER: usize = 16;
    let run = open(Run::builder("slow").with_event_buffer(BUFFER)).await;
    let mut slow = run.events();
    let mut quick = run.events();
    let mut all = Vec::new();
    let cx = run.context();
    for done in 0..1000 {
        // It is no future, so there is nothing that it could wait for.
        cx.progress(|| progress(done));
        all.extend(received(&mut quick).0);
    }
    assert_eq!(all.len(), 1000);
    let (kept, lost) = received(&mut slow);
    assert_eq!(kept, all[all.len() - BUFFER..], "it keeps the newest");
    assert_eq!(lost, 1000 - BUFFER as u64);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_listens_to_is_not_made() {
    let run = open(Run::builder("nobody")).await;
    run.context().progress(|| panic!("somebody is told"));
    let mut events = run.events();
    run.context().progress(|| progress(1));
    let (events, _) = received(&mut events);
    assert_eq!(events.len(), 1, "a listener hears what comes after it began");
}

#[tokio::test(start_paused = true)]
async fn events_end_with_the_run() {
    let run = open(Run::builder("ends")).await;
    let mut events = run.events();
    run.context().progress(|| progress(1));
    drop(run);
    settle().await;
    assert!(events.next().await.is_some(), "what came before is not lost");
    assert!(events.next().await.is_none());
}
