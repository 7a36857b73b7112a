//! The rate holds over any stretch of time, for each key, and nobody waits for longer than it asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use maniple_core::policy::{Rate, RateLimit};
use maniple_core::{AgentExt, BaseAgent, Class, Run, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use crate::common::{cases, open, paused};
use crate::what::MS;

/// A call that comes so long after the one before.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    after: u64,
    key: u8,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival =
        (prop_oneof![Just(0), 0_u64..80], 0_u8..3).prop_map(|(after, key)| Arrival { after, key });
    prop::collection::vec(arrival, 0..30)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_rate_holds_over_any_stretch_and_each_waits_its_turn_and_no_longer(
        calls in 1_u32..5,
        period in 1_u64..200,
        burst in 0_u32..4,
        arrivals in arrivals(),
    ) {
        paused().block_on(async {
            let rate = Rate::new(calls, Duration::from_millis(period)).with_burst(burst);
            let limit = RateLimit::<u8>::new(rate);
            let begun: Arc<Mutex<Vec<(u64, u8, Instant)>>> = Arc::default();
            let noted = begun.clone();
            let agent = agent_fn("call", move |(index, key): (u64, u8), _cx| {
                noted.lock().unwrap().push((index, key, Instant::now()));
                async move { Ok(()) }
            });
            let agent = Arc::new(agent.with_rate_limit_by(&limit, |(_, key)| *key));
            let all = arrivals.clone();
            let arrived: Arc<Mutex<Vec<Instant>>> = Arc::default();
            let came = arrived.clone();
            let every = agent_fn("every", move |(): (), cx| {
                let (agent, arrivals, came) = (agent.clone(), all.clone(), came.clone());
                async move {
                    let mut scope = Scope::open(&cx)?;
                    for (index, Arrival { after, key }) in (0..).zip(arrivals) {
                        sleep(Duration::from_millis(after)).await;
                        came.lock().unwrap().push(Instant::now());
                        let agent = agent.clone();
                        scope.spawn(scope.child_at(index), move |cx| async move {
                            agent.run((index, key), &cx).await
                        });
                    }
                    while let Some(done) = scope.next().await {
                        done.result?;
                    }
                    Ok(())
                }
            });
            let run = open(Run::builder("test")).await;
            run.execute(every, ()).await.unwrap();

            let (begun, arrived) = (begun.lock().unwrap(), arrived.lock().unwrap());
            prop_assert_eq!(begun.len(), arrivals.len());
            let apart = Duration::from_millis(period) / calls;
            let burst = burst.max(1) as usize;
            let mut by_key: BTreeMap<u8, Vec<(u64, Instant)>> = BTreeMap::new();
            for (index, key, at) in begun.iter() {
                by_key.entry(*key).or_default().push((*index, *at));
            }
            for calls in by_key.values() {
                prop_assert!(calls.is_sorted_by_key(|(index, _)| *index), "out of turn: {calls:?}");
                for (from, (_, first)) in calls.iter().enumerate() {
                    for (to, (_, last)) in calls.iter().enumerate().skip(from) {
                        let stretch = (*last - *first).as_nanos();
                        let most = burst + (stretch / apart.as_nanos()) as usize;
                        prop_assert!(to - from < most, "{} in {stretch} ns", to - from + 1);
                    }
                }
                // A call begins when it comes, or when so much time has passed since the calls before
                // it that it may; a timer may be up to two milliseconds late, each time.
                for (nth, (index, at)) in calls.iter().enumerate() {
                    let came = arrived[usize::try_from(*index).unwrap()];
                    let allowed = nth.checked_sub(burst).map(|before| calls[before].1);
                    let spread = nth.checked_sub(1).map(|before| calls[before].1 + apart);
                    let soonest = allowed
                        .map(|at| at + apart * u32::try_from(burst).unwrap())
                        .max(spread.filter(|_| burst == 1))
                        .map_or(came, |at| at.max(came));
                    prop_assert!(*at <= soonest + 2 * MS, "{:?} too late", *at - soonest);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_context_and_uses_nothing_up() {
    let limit = RateLimit::new(Rate::new(1, 1000 * MS));
    let call = || agent_fn("call", |(): (), _cx| async move { Ok(()) }).with_rate_limit(&limit);
    let run = open(Run::builder("test")).await;
    let began = Instant::now();
    run.execute(call(), ()).await.unwrap();
    let error = run.execute(call().with_timeout(100 * MS), ()).await.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    run.execute(call(), ()).await.unwrap();
    assert!(began.elapsed() < 1010 * MS, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_does_not_go_before_who_waits() {
    let call = agent_fn("call", |(): (), _cx| async move { Ok(()) })
        .with_rate_limit(Rate::new(1, 1000 * MS));
    let run = open(Run::builder("test")).await;
    let cx = run.context();
    call.run((), &cx).await.unwrap();
    let mut waits = call.run((), &cx);
    assert!((&mut waits).now_or_never().is_none());
    // It may begin now, and has not come to look.
    tokio::time::advance(1000 * MS).await;
    let mut later = call.run((), &cx);
    assert!((&mut later).now_or_never().is_none());
    waits.now_or_never().unwrap().unwrap();
    later.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_forgotten_again() {
    let limit = RateLimit::<u64>::new(Rate::per_minute(600_000));
    let call = agent_fn("call", |n: u64, _cx| async move { Ok(n) })
        .with_rate_limit_by(&limit, |n: &u64| *n);
    let run = open(Run::builder("test")).await;
    for n in 0..20_000 {
        call.run(n, &run.context()).await.unwrap();
        if n % 100 == 0 {
            tokio::time::advance(MS).await;
        }
    }
    let keys: usize = format!("{limit:?}")
        .split("keys: ")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|keys| keys.parse().ok())
        .unwrap();
    assert!(keys < 10_000, "{keys} keys are kept");
}

#[tokio::test(start_paused = true)]
async fn no_rate_is_too_much() {
    for period in [Duration::ZERO, Duration::from_nanos(1), 3_600_000 * MS, Duration::MAX] {
        for calls in [0, 1, u32::MAX] {
            for burst in [0, 2, u32::MAX] {
                let limit = RateLimit::new(Rate::new(calls, period).with_burst(burst));
                let call = agent_fn("call", |(): (), _cx| async move { Ok(()) });
                let run = open(Run::builder("test")).await;
                let call = call.with_rate_limit(&limit);
                for _ in 0..burst.clamp(1, 2) {
                    call.run((), &run.context()).await.unwrap();
                }
            }
        }
    }
}
