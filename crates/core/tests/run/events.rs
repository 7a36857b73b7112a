//! Events: in the order of each context, and at no cost to the run where the listener is slow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures::{FutureExt, StreamExt};
use maniple_core::{
    AgentError, AgentEvent, Effect, EventKind, Events, Key, Lost, MemoryJournal, Progress, Run,
    RunContext, Scope, agent_fn,
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
    let run = open(Run::builder("slow")).await;
    let mut slow = run.events().with_buffer(BUFFER);
    let mut unspoken = run.events();
    let mut patient = run.events().keep_all();
    let mut quick = run.events().with_buffer(0);
    let mut all = Vec::new();
    let cx = run.context();
    for done in 0..5000 {
        // It is no future, so there is nothing that it could wait for.
        cx.progress(|| progress(done));
        all.extend(received(&mut quick).0);
    }
    assert_eq!(all.len(), 5000);
    let (kept, lost) = received(&mut slow);
    assert_eq!(kept, all[all.len() - BUFFER..], "it keeps the newest");
    assert_eq!(lost, 5000 - BUFFER as u64);
    let (kept, lost) = received(&mut unspoken);
    assert_eq!((kept.len(), lost), (1024, 5000 - 1024), "it need not say how many it keeps");
    assert_eq!(received(&mut patient), (all, 0), "it may keep them all");
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_is_made_smaller_loses_the_oldest() {
    let run = open(Run::builder("smaller")).await;
    let events = run.events();
    for done in 0..10 {
        run.context().progress(|| progress(done));
    }
    let mut events = events.with_buffer(3);
    assert_eq!(events.next().await, Some(Err(Lost(7))), "the gap comes in its place");
    let kept: Vec<u64> = received(&mut events).0.iter().map(|event| event.sequence).collect();
    assert_eq!(kept, [7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_of_a_stream_leave_out_what_was_lost_and_nothing_else() {
    const TASKS: u64 = 8;
    const TIMES: u64 = 200;
    let run = open(Run::builder("gaps")).await;
    let mut events = run.events().with_buffer(5);
    let listening = tokio::spawn(async move {
        let (mut next, mut lost) = (0, 0);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    assert_eq!(event.sequence, next);
                    next += 1;
                }
                Err(Lost(events)) => {
                    next += events;
                    lost += events;
                }
            }
        }
        (next, lost)
    });
    let mut patient = run.events().keep_all();
    let mut scope = Scope::open(&run.context()).unwrap();
    for task in 0..TASKS {
        let child = scope.child_at(task);
        scope.spawn(child, |cx| tells(cx, TIMES));
    }
    while scope.next().await.is_some() {}
    scope.close().await;
    drop(run);
    let (told, lost) = listening.await.unwrap();
    let all = TASKS * (TIMES + 2);
    assert_eq!(told, all);
    assert!(lost < all);
    let sequences = received(&mut patient).0.into_iter().map(|event| event.sequence);
    assert!(sequences.eq(0..all), "the order of the numbers is that of the stream");
}

#[tokio::test(start_paused = true)]
async fn events_are_a_stream() {
    let run = open(Run::builder("stream")).await;
    let events = run.events();
    for done in 0..3 {
        run.context().progress(|| progress(done));
    }
    drop(run);
    let all: Vec<_> = events.map(|event| event.unwrap().sequence).collect().await;
    assert_eq!(all, [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_listens_before_the_run_is_opened_hears_the_opening() {
    let journal = MemoryJournal::new();
    for (records, begins) in [(0, true), (1, false)] {
        let builder = Run::builder("first name").with_journal(journal.clone());
        let mut events = builder.events();
        let run = open(builder).await;
        let (events, _) = received(&mut events);
        let opened = EventKind::Opened { name: "first name".into(), records };
        assert_eq!(events.len(), 1, "a new run: {begins}");
        assert_eq!((events[0].sequence, &events[0].kind), (0, &opened));
        assert_eq!((&events[0].run, events[0].path.as_str()), (run.id(), ""));
    }
    let builder = Run::builder("never opened");
    let mut events = builder.events();
    drop(builder);
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_listens_to_is_not_made() {
    let run = open(Run::builder("nobody")).await;
    run.context().progress(|| panic!("somebody is told"));
    let mut events = run.events();
    run.context().progress(|| progress(1));
    let (heard, _) = received(&mut events);
    assert_eq!(heard.len(), 1, "a listener hears what comes after it began");
    drop(events);
    run.context().progress(|| panic!("somebody is still told"));
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

#[tokio::test(start_paused = true)]
async fn a_listener_that_cannot_be_woken_hurts_no_agent() {
    struct Unwakeable;

    impl Wake for Unwakeable {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("as it was told"));
        }
    }

    let run = open(Run::builder("unwakeable")).await;
    let mut events = run.events();
    let waker = Waker::from(Arc::new(Unwakeable));
    let mut waits = || events.poll_next_unpin(&mut Context::from_waker(&waker));
    assert!(waits().is_pending());
    let told = run.execute(agent_fn("agent", |(): (), cx| tells(cx, 1)), ()).await;
    told.unwrap();
    // Started, progress, finished.
    for _ in 0..3 {
        assert!(waits().is_ready());
    }
    assert!(waits().is_pending());
    drop(run);
    assert!(matches!(waits(), Poll::Ready(None)));
}
