//! A timeout ends what takes longer, when it says so, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::policy::{RetryPolicy, Timeout};
use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Class, Effect, EventKind, Events, MemoryJournal,
    Run, Scope, agent_fn,
};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use crate::common::{Alive, cases, open, paused, reopen};
use crate::what::{Log, MS};

/// Takes so many milliseconds.
fn slow(log: &Log) -> BoxAgent<u64, u64> {
    let log = log.clone();
    agent_fn("slow", move |takes: u64, _cx| {
        log.note();
        async move {
            sleep(Duration::from_millis(takes)).await;
            Ok(takes)
        }
    })
    .boxed()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_earliest_end_holds(
        takes in 0_u64..200,
        after in 0_u64..200,
        grace in 0_u64..100,
        outer in prop::option::of(1_u64..200),
    ) {
        // What happens at one instant has no order.
        prop_assume!(takes == 0 || (takes != after && takes != after + grace));
        prop_assume!(outer.is_none_or(|at| at != takes && at != after && at != after + grace));
        paused().block_on(async {
            let timeout = Timeout::after(Duration::from_millis(after))
                .with_grace(Duration::from_millis(grace));
            let agent = slow(&Log::default()).with_timeout(timeout);
            let agent = match outer {
                Some(at) => agent.boxed().with_timeout(Duration::from_millis(at)).boxed(),
                None => agent.boxed(),
            };
            let run = open(Run::builder("test")).await;
            let began = Instant::now();
            let result = run.execute(agent, takes).await;
            let took = u64::try_from(began.elapsed().as_millis()).unwrap();
            // An inner timeout that is not earlier than the outer one leaves the work to that.
            let ends = match outer {
                Some(at) if at <= after => at,
                Some(at) => at.min(after + grace),
                None => after + grace,
            };
            if takes < ends || takes == 0 {
                prop_assert_eq!(result.unwrap(), takes);
                prop_assert!(took <= takes + 1);
            } else {
                prop_assert_eq!(result.unwrap_err().class(), Class::DeadlineExceeded);
                prop_assert!((ends..=ends + 2).contains(&took), "{took} instead of {ends}");
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_timeout_has_the_time_that_is_left() {
    let (journal, log) = (MemoryJournal::new(), Log::default());
    let agent = || slow(&log).with_timeout(1000 * MS);
    let run = reopen(&journal).await;
    tokio::time::timeout(700 * MS, run.execute(agent(), 5000)).await.unwrap_err();
    run.context().decide("mark", || ()).await.unwrap();
    drop(run);
    tokio::time::advance(100_000 * MS).await;
    let run = reopen(&journal).await;
    let began = Instant::now();
    let error = run.execute(agent(), 5000).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    let took = began.elapsed().as_millis();
    assert!((290..=310).contains(&took), "it had {took} ms, and 300 were left");

    // Now that somebody was told, it stays so, however fast the agent would be.
    drop(run);
    let run = reopen(&journal).await;
    let again = run.execute(agent(), 5000).await.unwrap_err();
    assert_eq!(again.recorded(), error.recorded());
    assert_eq!(log.len(), 2, "the agent was asked again");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_time_inside_a_retry_and_all_have_one_around_it() {
    let run = || Run::builder("test");
    let retry = || RetryPolicy::filesystem().without_jitter();
    let log = Log::default();
    let inside = slow(&log).with_timeout(100 * MS).with_retry(retry());
    let began = Instant::now();
    open(run()).await.execute(inside, 500).await.unwrap_err();
    assert_eq!(log.len(), 3);
    // Three attempts of 100 ms, with 20 and 40 between them.
    assert!((360..370).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());

    let log = Log::default();
    let around = slow(&log).with_timeout(100 * MS).with_retry(retry()).with_timeout(150 * MS);
    let began = Instant::now();
    open(run()).await.execute(around, 500).await.unwrap_err();
    assert_eq!((log.len(), began.elapsed().as_millis()), (2, 150));
}

#[tokio::test(start_paused = true)]
async fn what_it_ends_leaves_nothing_behind() {
    let alive = Alive::default();
    let guarded = alive.clone();
    let agent = agent_fn("spawns", move |(): (), cx| {
        let alive = guarded.clone();
        async move {
            let mut scope = Scope::open(&cx)?.with_grace(50 * MS);
            for i in 0..3_u64 {
                let guard = alive.guard();
                scope.spawn(scope.child_at(i), move |_| async move {
                    sleep(60_000 * MS).await;
                    drop(guard);
                    Ok(())
                });
            }
            while scope.next().await.is_some() {}
            Ok(())
        }
    });
    let run = open(Run::builder("test")).await;
    let mut events = run.events();
    let began = Instant::now();
    let error = run.execute(agent.with_timeout(100 * MS), ()).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert!(began.elapsed() < 300 * MS, "{:?}", began.elapsed());
    assert_eq!(alive.count(), 0, "the scope around it waits for what was dropped");
    drop(run);
    let mut timed_out = 0;
    while let Some(event) = events.next().await {
        timed_out += usize::from(event.unwrap().kind == EventKind::TimedOut { after: 100 * MS });
    }
    assert_eq!(timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_it_drops_is_in_doubt() {
    let bodies = Arc::new(AtomicUsize::new(0));
    for (effect, class, ran) in
        [(Effect::Idempotent, Class::DeadlineExceeded, 2), (Effect::Irreversible, Class::Parked, 1)]
    {
        bodies.store(0, Ordering::SeqCst);
        let counted = bodies.clone();
        let agent = agent_fn("stuck", move |(): (), cx| {
            let bodies = counted.clone();
            async move {
                cx.step("stuck", effect, (), |(), _| async move {
                    bodies.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<Result<(), AgentError>>().await
                })
                .await
            }
        });
        let retry = RetryPolicy::new(std::num::NonZeroU32::new(2).unwrap());
        let run = open(Run::builder("test")).await;
        let result = run.execute(agent.with_timeout(100 * MS).with_retry(retry), ()).await;
        assert_eq!(result.unwrap_err().class(), class, "{effect}");
        assert_eq!(bodies.load(Ordering::SeqCst), ran, "{effect}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_what_an_earlier_deadline_that_nobody_watches_does_not() {
    let run = open(Run::builder("test")).await;
    let agent = slow(&Log::default()).with_timeout(100 * MS);
    let cx = run.context().child("slow").with_deadline(10 * MS);
    let began = Instant::now();
    let error = agent.run(60_000, &cx).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert!(began.elapsed() < 110 * MS, "{:?}", began.elapsed());
}

/// The times that were up, as far as anybody was told.
async fn timed_out(mut events: Events) -> Vec<Duration> {
    let mut timed_out = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::TimedOut { after } = event.unwrap().kind {
            timed_out.push(after);
        }
    }
    timed_out
}

#[tokio::test(start_paused = true)]
async fn whose_time_was_not_up_says_nothing() {
    let agent = slow(&Log::default()).with_timeout(100 * MS).with_timeout(10_000 * MS);
    let run = open(Run::builder("test")).await;
    let events = run.events();
    run.execute(agent, 500).await.unwrap_err();
    drop(run);
    assert_eq!(timed_out(events).await, [100 * MS]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_before_is_not_its_own() {
    let run = open(Run::builder("test")).await;
    let events = run.events();
    let cx = run.context().child("slow").with_deadline(10 * MS);
    let error = slow(&Log::default()).with_timeout(100 * MS).run(500, &cx).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    drop((run, cx));
    assert_eq!(timed_out(events).await, []);
}

/// Answers within its time, by steps in tasks, and takes a while for it.
fn parts() -> BoxAgent<u64, u64> {
    agent_fn("parts", |n: u64, cx| async move {
        let mut scope = Scope::open(&cx)?;
        for i in 0..3_u64 {
            scope.spawn(scope.child_at(i), move |cx| async move {
                cx.step("part", Effect::Pure, n, |n, _| async move { Ok(n) }).await
            });
        }
        let mut sum = 0;
        while let Some(done) = scope.next().await {
            sum += done.result?;
        }
        // As what stands outside of steps does.
        sleep(10 * MS).await;
        Ok(sum)
    })
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn what_was_in_time_is_in_time_when_it_replays() {
    let journal = MemoryJournal::new();
    let agent = || {
        let parts = Arc::new(parts().with_timeout(100 * MS));
        agent_fn("both", move |n: u64, cx| {
            let parts = parts.clone();
            async move {
                let sum = parts.run(n, &cx.child("parts")).await?;
                sleep(1000 * MS).await;
                cx.step("after", Effect::Pure, sum, |sum, _| async move { Ok(sum) }).await?;
                cx.signal::<()>("go on").await?;
                Ok(sum)
            }
        })
    };
    for _ in 0..3 {
        let run = reopen(&journal).await;
        assert_eq!(run.execute(agent(), 2).await.unwrap_err().class(), Class::Suspended);
    }
}
