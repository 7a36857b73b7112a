//! All combinations of three policies around one agent: each keeps its laws whatever stands around
//! and inside of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(feature = "rate-limit")]
use maniple_core::policy::Rate;
use maniple_core::policy::{Breaker, LoopGuard, RetryPolicy};
use maniple_core::{AgentError, AgentExt, BoxAgent, Class, Effect, MemoryJournal, agent_fn};

use crate::common::{CLASSES, paused, reopen};
use crate::what::{MS, stepping};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Retry,
    Timeout,
    Breaker,
    #[cfg(feature = "rate-limit")]
    RateLimit,
    Concurrency,
    LoopGuard,
    Fallback,
}

const ALL: &[Policy] = &[
    Policy::Retry,
    Policy::Timeout,
    Policy::Breaker,
    #[cfg(feature = "rate-limit")]
    Policy::RateLimit,
    Policy::Concurrency,
    Policy::LoopGuard,
    Policy::Fallback,
];

/// What the other agent answers.
const OTHER: u64 = 1000;

impl Policy {
    fn around(self, agent: BoxAgent<u64, u64>) -> BoxAgent<u64, u64> {
        match self {
            Self::Retry => agent.with_retry(RetryPolicy::filesystem()).boxed(),
            Self::Timeout => agent.with_timeout(60_000 * MS).boxed(),
            Self::Breaker => agent.with_breaker(Breaker::new("service")).boxed(),
            #[cfg(feature = "rate-limit")]
            Self::RateLimit => agent.with_rate_limit(Rate::per_second(10)).boxed(),
            Self::Concurrency => agent.with_concurrency(1).boxed(),
            Self::LoopGuard => agent.with_loop_guard(LoopGuard::default()).boxed(),
            Self::Fallback => {
                let other = agent_fn("other", |n: u64, cx| async move {
                    cx.step("step", Effect::Irreversible, n, |_, _| async move { Ok(OTHER) }).await
                });
                agent.with_fallback(other).boxed()
            }
        }
    }

    /// What comes out of it, where this is what comes out of the agent, which fails only once.
    fn outcome(self, inner: Result<u64, Class>) -> Result<u64, Class> {
        match (self, inner) {
            (Self::Retry, Err(Class::Transient | Class::DeadlineExceeded)) => Ok(2),
            (
                Self::Fallback,
                Err(
                    Class::Transient
                    | Class::Permanent
                    | Class::DeadlineExceeded
                    | Class::BudgetExhausted
                    | Class::Panicked,
                ),
            ) => Ok(OTHER),
            (_, inner) => inner,
        }
    }
}

fn combinations() -> impl Iterator<Item = [Policy; 3]> {
    let one = || ALL.iter().copied();
    one().flat_map(move |a| one().flat_map(move |b| one().map(move |c| [a, b, c])))
}

/// Builds the agent anew, as a process does.
fn stack(
    policies: [Policy; 3],
    classes: &[Class],
    bodies: &Arc<AtomicUsize>,
    keys: &Arc<Mutex<Vec<maniple_core::Key>>>,
) -> BoxAgent<u64, u64> {
    let agent = stepping(classes.to_vec(), bodies, keys);
    policies.into_iter().fold(agent, |agent, policy| policy.around(agent))
}

#[test]
fn every_failure_ends_as_the_policies_around_it_say() {
    for policies in combinations() {
        for class in CLASSES {
            let mut expected = Err(class);
            for policy in policies {
                expected = policy.outcome(expected);
            }
            paused().block_on(async {
                let (bodies, keys) = (Arc::new(AtomicUsize::new(0)), Arc::default());
                let journal = MemoryJournal::new();
                let run = reopen(&journal).await;
                let agent = stack(policies, &[class], &bodies, &keys);
                let result = run.execute(agent, 1).await;
                let outcome = result.as_ref().map(|n| *n).map_err(AgentError::class);
                assert_eq!(outcome, expected, "{class} in {policies:?}");
                assert_eq!(bodies.load(Ordering::SeqCst), 1, "{class} in {policies:?}");
                assert_eq!(keys.lock().unwrap()[0].as_str(), "/job/step");
                run.quiesce().await;
                drop(run);

                // In a new process, where the agent would succeed, a result that was final is the
                // same, and no step runs again, not even with the policies in another order.
                let run = reopen(&journal).await;
                let agent = stack(policies, &[], &bodies, &keys);
                let resumed = run.execute(agent, 1).await;
                if let Ok(result) = result {
                    assert_eq!(resumed.unwrap(), result, "{class} in {policies:?}");
                }
                drop(run);
                let run = reopen(&journal).await;
                let [a, b, c] = policies;
                let _ = run.execute(stack([c, a, b], &[], &bodies, &keys), 1).await;
                assert_eq!(bodies.load(Ordering::SeqCst), 1, "{class} in {policies:?}");
            });
        }
    }
}

/// An agent that never ends, with policies of which each timeout is far longer than those inside of it.
fn around_what_never_ends(policies: [Policy; 3]) -> BoxAgent<u64, u64> {
    let stuck = agent_fn("stuck", |n: u64, _cx| async move {
        std::future::pending::<()>().await;
        Ok(n)
    });
    let mut time = 1000 * MS;
    policies.into_iter().fold(stuck.boxed(), |agent, policy| {
        time *= 100;
        match policy {
            Policy::Timeout => agent.with_timeout(time).boxed(),
            policy => policy.around(agent),
        }
    })
}

#[test]
fn the_innermost_timeout_ends_what_never_ends_and_those_around_it_see_that() {
    let with_a_timeout = combinations().filter(|policies| policies.contains(&Policy::Timeout));
    for policies in with_a_timeout {
        let (mut expected, mut waits) = (None, Duration::ZERO);
        for (place, policy) in (1..).zip(policies) {
            expected = match expected {
                Some(inner) => Some(policy.outcome(inner)),
                None if policy == Policy::Timeout => {
                    waits = 1000 * MS * 100_u32.pow(place);
                    Some(Err(Class::DeadlineExceeded))
                }
                None => None,
            };
            // It fails each time.
            if policy == Policy::Retry && expected == Some(Ok(2)) {
                (expected, waits) = (Some(Err(Class::DeadlineExceeded)), 3 * waits);
            }
        }
        paused().block_on(async {
            let run = maniple_core::Run::builder("test").open().await.unwrap();
            let began = tokio::time::Instant::now();
            let result = run.execute(around_what_never_ends(policies), 1).await;
            let outcome = result.map_err(|error| error.class());
            assert_eq!(Some(outcome), expected, "{policies:?}");
            let took = began.elapsed();
            assert!((waits..waits + 10_000 * MS).contains(&took), "{took:?} in {policies:?}");
        });
    }
}

#[test]
fn all_of_them_stop_when_the_run_is_cancelled() {
    for policies in combinations() {
        paused().block_on(async {
            let stuck = agent_fn("stuck", |n: u64, _cx| async move {
                std::future::pending::<()>().await;
                Ok(n)
            });
            let agent =
                policies.into_iter().fold(stuck.boxed(), |agent, policy| policy.around(agent));
            let run = maniple_core::Run::builder("test").with_grace(MS).open().await.unwrap();
            let stop = async {
                tokio::time::sleep(10 * MS).await;
                run.cancel();
            };
            let began = tokio::time::Instant::now();
            let (result, ()) = futures::join!(run.execute(agent, 1), stop);
            assert_eq!(result.unwrap_err().class(), Class::Cancelled, "{policies:?}");
            assert!(began.elapsed() < Duration::from_millis(100), "{policies:?}");
        });
    }
}
