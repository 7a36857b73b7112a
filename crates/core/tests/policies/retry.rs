//! Attempts never exceed their number, the budget or the deadline.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::policy::{Breaker, RetryPolicy};
use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Budget, Class, Effect, EventKind, MemoryJournal,
    Run, RunId, agent_fn,
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::common::{cases, open, paused, reopen};
use crate::what::{Log, MS, any_class, failing, stepping};

#[derive(Debug, Clone)]
struct Waits {
    attempts: u32,
    shortest: u64,
    longest: u64,
    factor: u16,
    jitter: bool,
}

impl Waits {
    fn policy(&self) -> RetryPolicy {
        let policy = RetryPolicy::new(NonZeroU32::new(self.attempts).unwrap())
            .with_shortest_wait(Duration::from_millis(self.shortest))
            .with_longest_wait(Duration::from_millis(self.longest))
            .with_factor(self.factor);
        if self.jitter { policy } else { policy.without_jitter() }
    }

    /// The shortest and longest time, in milliseconds, that may lie between this attempt and the next.
    fn between(&self, attempt: u32) -> (u64, u64) {
        let grown = u64::from(self.factor.max(1)).saturating_pow(attempt - 1);
        let least = self.shortest.saturating_mul(grown).min(self.longest);
        let most = if self.jitter { (2 * least).min(self.longest) } else { least };
        // A wait is written down in whole milliseconds, and a timer is up to one late.
        (least, most + 2)
    }
}

fn waits() -> impl Strategy<Value = Waits> {
    (1_u32..6, 0_u64..400, 0_u64..1000, 0_u16..4, any::<bool>()).prop_map(
        |(attempts, shortest, longest, factor, jitter)| Waits {
            attempts,
            shortest,
            longest,
            factor,
            jitter,
        },
    )
}

fn is_retried(class: Class) -> bool {
    matches!(class, Class::Transient | Class::DeadlineExceeded)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn attempts_are_bounded_by_number_class_and_deadline(
        waits in waits(),
        classes in prop::collection::vec(prop_oneof![4 => Just(Class::Transient), 1 => any_class()], 0..8),
        deadline in prop::option::of(1_u64..1500),
    ) {
        paused().block_on(async {
            let log = Log::default();
            let agent = failing(classes.clone(), &log).with_retry(waits.policy());
            let mut builder = Run::builder("test");
            if let Some(deadline) = deadline {
                builder = builder.with_deadline(Duration::from_millis(deadline));
            }
            let run = open(builder).await;
            let began = Instant::now();
            let result = run.execute(agent, 0).await;
            let took = began.elapsed();

            // What must be done, as far as the deadline lets it.
            let retried = classes.iter().take_while(|class| is_retried(**class)).count();
            let wanted = (retried + 1).min(waits.attempts as usize);
            let times = log.times();
            prop_assert!(times.len() <= wanted);
            match &result {
                Ok(call) => prop_assert_eq!((*call, classes.len()), (wanted, wanted - 1)),
                Err(error) => prop_assert_eq!(error.class(), classes[times.len() - 1]),
            }
            if times.len() < wanted {
                // Only a deadline that comes before the next attempt ends them early, and at once.
                let attempt = u32::try_from(times.len()).unwrap();
                let next = times[times.len() - 1] + Duration::from_millis(waits.between(attempt).1);
                prop_assert!(deadline.is_some_and(|at| began + Duration::from_millis(at) <= next));
                prop_assert_eq!(began + took, times[times.len() - 1], "it waited for nothing");
            }
            for (at, pair) in times.windows(2).enumerate() {
                let (least, most) = waits.between(u32::try_from(at).unwrap() + 1);
                let gap = u64::try_from((pair[1] - pair[0]).as_millis()).unwrap();
                prop_assert!((least..=most).contains(&gap), "{least} <= {gap} <= {most}");
            }
            if let Some(deadline) = deadline {
                let late = times.iter().find(|at| **at - began >= Duration::from_millis(deadline));
                prop_assert!(late.is_none(), "an attempt began after the deadline");
            }
            Ok(())
        })?;
    }

    #[test]
    fn attempts_never_exceed_the_budget(attempts in 1_u32..8, calls in 0_u64..8, wait in 0_u64..3) {
        paused().block_on(async {
            let bodies = Arc::new(AtomicUsize::new(0));
            let counted = bodies.clone();
            let agent = agent_fn("asks", move |(): (), cx| {
                let bodies = counted.clone();
                async move {
                    let one = Budget { calls: 1, ..Budget::ZERO };
                    cx.step("ask", Effect::Pure.reserving(one), (), |(), step| async move {
                        step.spend(one);
                        bodies.fetch_add(1, Ordering::SeqCst);
                        Err::<(), _>(AgentError::transient("busy"))
                    })
                    .await
                }
            });
            let policy = RetryPolicy::new(NonZeroU32::new(attempts).unwrap())
                .with_shortest_wait(Duration::from_millis(wait));
            let budget = Budget { calls, ..Budget::ZERO };
            let run = open(Run::builder("test").with_budget(budget)).await;
            let error = run.execute(agent.with_retry(policy), ()).await.unwrap_err();
            let made = bodies.load(Ordering::SeqCst) as u64;
            prop_assert_eq!(made, calls.min(attempts.into()));
            let allowed = [Class::Transient, Class::BudgetExhausted];
            prop_assert!(allowed.contains(&error.class()));
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_attempt_that_the_budget_does_not_allow() {
    let one = Budget { calls: 1, ..Budget::ZERO };
    let agent = agent_fn("asks", move |(): (), cx| async move {
        cx.step("ask", Effect::Pure.reserving(one), (), |(), step| async move {
            step.spend(one);
            Err::<(), _>(AgentError::transient("busy"))
        })
        .await
    });
    let run = open(Run::builder("test").with_budget(one)).await;
    let began = Instant::now();
    let error = run.execute(agent.with_retry(RetryPolicy::api()), ()).await.unwrap_err();
    assert_eq!((error.class(), began.elapsed()), (Class::Transient, Duration::ZERO));
}

/// Executes an agent that always fails, and says when its attempts began.
async fn begins(id: &str, policy: RetryPolicy) -> Vec<u128> {
    let log = Log::default();
    let run = open(Run::builder("test").with_id(RunId::new(id))).await;
    let agent = failing(vec![Class::Transient; 20], &log).with_retry(policy);
    run.execute(agent, 0).await.unwrap_err();
    let times = log.times();
    times.iter().map(|at| (*at - times[0]).as_millis()).collect()
}

#[test]
fn the_jitter_of_an_attempt_is_that_of_its_run_and_place() {
    let [one, two] = ["one", "two"];
    // A runtime each, since a paused one remembers when its timers were rounded.
    let of = |id: &str, policy: RetryPolicy| paused().block_on(begins(id, policy));
    assert_eq!(of(one, RetryPolicy::api()), of(one, RetryPolicy::api()));
    assert_ne!(of(one, RetryPolicy::api()), of(two, RetryPolicy::api()));
    let plain = RetryPolicy::api().without_jitter();
    assert_eq!(of(one, plain.clone()), of(two, plain));
}

#[test]
fn the_presets_wait_as_their_table_says() {
    let id = "run";
    // A timer is up to a millisecond late.
    let sums = |policy: RetryPolicy| {
        let at = paused().block_on(begins(id, policy.without_jitter()));
        let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.map(|gap| if gap < 100 { gap / 10 * 10 } else { gap / 50 * 50 }).collect::<Vec<_>>()
    };
    assert_eq!(sums(RetryPolicy::network()), [200, 400, 800, 1600]);
    assert_eq!(sums(RetryPolicy::filesystem()), [20, 40]);
    assert_eq!(sums(RetryPolicy::git()), [250, 500, 1000]);
    assert_eq!(sums(RetryPolicy::subprocess()), [500, 1000]);
    assert_eq!(sums(RetryPolicy::api()), [1000, 2000, 4000, 8000, 16000]);
    let most = RetryPolicy::api().with_max_attempts(NonZeroU32::new(8).unwrap());
    assert_eq!(sums(most)[5..], [32000, 60000]);
}

#[tokio::test(start_paused = true)]
async fn panics_and_indeterminate_failures_are_tried_again_only_where_that_is_wanted() {
    let plain = RetryPolicy::new(NonZeroU32::new(2).unwrap());
    for (class, policy, calls) in [
        (Class::Panicked, plain.clone(), 1),
        (Class::Panicked, plain.clone().on_panics(), 2),
        (Class::Indeterminate, plain.clone(), 1),
        (Class::Indeterminate, plain.clone().on_indeterminate(), 2),
        (Class::DeadlineExceeded, plain.clone(), 2),
        (Class::DeadlineExceeded, plain.stop_on_timeouts(), 1),
    ] {
        let log = Log::default();
        let run = open(Run::builder("test")).await;
        let result = run.execute(failing(vec![class], &log).with_retry(policy), 0).await;
        assert_eq!((log.len(), result.is_ok()), (calls, calls == 2), "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_finished_replays_in_the_next_under_the_key_it_has_without_a_retry() {
    let (bodies, keys) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let work = || stepping(vec![Class::Transient; 2], &bodies, &keys);
    let run = open(Run::builder("test")).await;
    assert_eq!(run.execute(work().with_retry(RetryPolicy::network()), 1).await.unwrap(), 2);
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    let run = open(Run::builder("test")).await;
    run.execute(work(), 1).await.unwrap_err();
    let keys = keys.lock().unwrap();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}

#[tokio::test(start_paused = true)]
async fn a_resumed_retry_waits_for_what_is_left_and_makes_the_attempts_that_are_left() {
    let journal = MemoryJournal::new();
    let log = Log::default();
    let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap())
        .with_shortest_wait(1000 * MS)
        .with_longest_wait(1000 * MS)
        .without_jitter();
    let agent = || failing(vec![Class::Transient; 9], &log).with_retry(policy.clone());
    let run = reopen(&journal).await;
    // The process goes down in the middle of the first wait.
    tokio::time::timeout(400 * MS, run.execute(agent(), 0)).await.unwrap_err();
    run.context().decide("mark", || ()).await.unwrap();
    drop(run);
    tokio::time::advance(100_000 * MS).await;

    let run = reopen(&journal).await;
    let began = Instant::now();
    let error = run.execute(agent(), 0).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    let times = log.times();
    assert_eq!(times.len(), 3, "a crash adds no attempt");
    let first = (times[1] - began).as_millis();
    assert!((590..=610).contains(&first), "it waited {first} ms of the 600 that were left");

    // All attempts are used up: the last failure is answered, and at once.
    let run = reopen(&journal).await;
    let began = Instant::now();
    let again = run.execute(agent(), 0).await.unwrap_err();
    assert_eq!(again.recorded(), error.recorded());
    assert_eq!((log.len(), began.elapsed()), (3, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_says_how_long_to_wait_is_heard() {
    let log = Log::default();
    let calls = log.clone();
    let limited = agent_fn("limited", move |(): (), _cx| {
        let call = calls.note();
        async move {
            match call {
                1 => Err(AgentError::transient_for(90_000 * MS, "too many requests")),
                // Less than the policy waits anyway.
                2 => Err(AgentError::transient_for(1 * MS, "too many requests")),
                _ => Ok(()),
            }
        }
    });
    let run = open(Run::builder("test")).await;
    let policy = RetryPolicy::network().without_jitter();
    run.execute(limited.with_retry(policy), ()).await.unwrap();
    let times = log.times();
    let waits: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() / 10).collect();
    assert_eq!(waits, [9_000, 40]);
}

#[tokio::test(start_paused = true)]
async fn attempts_wait_until_a_breaker_lets_them_through() {
    let breaker = Breaker::new("service").with_window(1, 1).with_open_for(5_000 * MS);
    let log = Log::default();
    let agent = failing(vec![Class::Transient], &log).with_breaker(&breaker);
    let run = open(Run::builder("test")).await;
    let began = Instant::now();
    let policy = RetryPolicy::network().without_jitter();
    assert_eq!(run.execute(agent.with_retry(policy), 0).await.unwrap(), 2);
    // The second attempt is rejected after 200 ms, and the third comes when it may.
    assert_eq!(log.len(), 2);
    assert!((5_000..5_010).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_the_run_is_cancelled() {
    let log = Log::default();
    let policy = RetryPolicy::api().with_shortest_wait(60_000 * MS);
    let run = open(Run::builder("test")).await;
    let stop = async {
        tokio::time::sleep(10 * MS).await;
        run.cancel();
    };
    let began = Instant::now();
    let agent = failing(vec![Class::Transient; 9], &log).with_retry(policy);
    let (result, ()) = futures::join!(run.execute(agent, 0), stop);
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert_eq!((log.len(), began.elapsed()), (1, 10 * MS));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_in_what_is_stopped() {
    let run = std::sync::Arc::new(open(Run::builder("test").with_grace(1000 * MS)).await);
    let (log, stops) = (Log::default(), run.clone());
    let calls = log.clone();
    let agent = agent_fn("stops", move |(): (), _cx| {
        calls.note();
        stops.cancel();
        async move { Err::<(), _>(AgentError::transient("again")) }
    });
    let policy = RetryPolicy::network().with_shortest_wait(Duration::ZERO);
    let error = run.execute(agent.with_retry(policy), ()).await.unwrap_err();
    assert_eq!((log.len(), error.class()), (1, Class::Cancelled));
}

type Agent = BoxAgent<u64, usize>;

#[tokio::test(start_paused = true)]
async fn policies_have_their_context_to_themselves() {
    let fails = || failing(vec![Class::Permanent], &Log::default());
    let policies: [fn(Agent) -> Agent; 3] = [
        |agent| agent.with_timeout(1000 * MS).boxed(),
        |agent| agent.with_fallback(failing(vec![], &Log::default())).boxed(),
        |agent| agent.with_retry(RetryPolicy::network()).with_timeout(1000 * MS).boxed(),
    ];
    for policy in policies {
        let agent = policy(fails());
        let run = open(Run::builder("test")).await;
        let cx = run.context().child("agent");
        let _ = agent.run(1, &cx).await;
        for again in [
            agent.run(1, &cx).await.unwrap_err(),
            cx.step("next", Effect::Pure, 1, |n: usize, _| async move { Ok(n) }).await.unwrap_err(),
        ] {
            assert!(matches!(again, AgentError::PlaceInUse { .. }), "{again}");
        }
        // What stands beside it, and in a child, does not.
        assert!(cx.child("next").decide("which", || 1).await.is_ok());
        assert!(agent.run(1, &run.context().child("agent")).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_that_another_follows_is_an_event() {
    let run = open(Run::builder("test")).await;
    let mut events = run.events();
    let agent = failing(vec![Class::Transient; 2], &Log::default());
    run.execute(agent.with_retry(RetryPolicy::network()), 0).await.unwrap();
    drop(run);
    let mut retried = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::Retried { attempt, error } = event.unwrap().kind {
            retried.push((attempt, error.class));
        }
    }
    assert_eq!(retried, [(1, Class::Transient), (2, Class::Transient)]);
}

#[tokio::test(start_paused = true)]
async fn attempts_have_their_context_to_themselves() {
    let failing = failing(vec![], &Log::default()).with_retry(RetryPolicy::network());
    let failing = Arc::new(failing);
    let before = agent_fn("before", {
        let failing = failing.clone();
        move |n: u64, cx| {
            let failing = failing.clone();
            async move {
                let n = cx.step("step", Effect::Pure, n, |n, _| async move { Ok(n) }).await?;
                failing.run(n, &cx).await
            }
        }
    });
    let after = agent_fn("after", move |n: u64, cx| {
        let failing = failing.clone();
        async move {
            failing.run(n, &cx).await?;
            cx.step("step", Effect::Pure, 1, |n, _| async move { Ok(n) }).await
        }
    });
    let run = open(Run::builder("test")).await;
    for error in
        [run.execute(before, 1).await.unwrap_err(), run.execute(after, 1).await.unwrap_err()]
    {
        assert!(matches!(error, AgentError::PlaceInUse { .. }), "{error}");
    }
}
