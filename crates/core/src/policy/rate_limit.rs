//! No more than so many in a time.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::error::AgentError;

/// How many calls may begin in a time.
///
/// In any stretch of time there begin at most `burst + calls × stretch ÷ period` of them. The calls
/// are spread out evenly, unless a burst is allowed (the generic cell rate algorithm).
///
/// ```
/// use maniple_core::policy::Rate;
///
/// // Never less than 100 ms between two calls.
/// let steady = Rate::per_second(10);
/// // Ten of them at once, where there were none for a second.
/// let in_bursts = Rate::per_second(10).with_burst(10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Between two calls that are spread out.
    apart: Duration,
    burst: NonZeroU32,
}

/// A hundred years: what adds up from a few of these is less than what 64 bits of nanoseconds hold.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl Rate {
    /// So many calls in a period; 0 counts as 1.
    pub fn new(calls: u32, period: Duration) -> Self {
        let apart = (period / calls.max(1)).clamp(Duration::from_nanos(1), LONGEST);
        Self { apart, burst: NonZeroU32::MIN }
    }

    /// So many calls a second; 0 counts as 1.
    pub fn per_second(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(1))
    }

    /// So many calls a minute; 0 counts as 1.
    pub fn per_minute(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60))
    }

    /// How many calls may begin at once, where there were none for long enough; 1 by default, and 0
    /// counts as 1. It is at most what the rate allows in a hundred years.
    pub fn with_burst(mut self, calls: u32) -> Self {
        self.burst = NonZeroU32::new(calls).unwrap_or(NonZeroU32::MIN);
        self
    }

    fn quota(self) -> Quota {
        let quota = Quota::with_period(self.apart).expect("calls are at least a nanosecond apart");
        let most = LONGEST.as_nanos() / self.apart.as_nanos();
        let most = u32::try_from(most).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        quota.allow_burst(self.burst.min(most))
    }
}

/// A limit of how many calls begin in a time, for each key on its own, over all agents that share
/// it: clones are the same limit.
///
/// Calls over the limit wait, those of one key in the order in which they came, until their context
/// is stopped. Keys that were not used for long are forgotten.
#[derive(Clone)]
pub struct RateLimit<K = ()>
where
    K: Hash + Eq + Clone,
{
    shared: Arc<Shared<K>>,
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, SinceMade, NoOpMiddleware<Duration>>;

struct Shared<K: Hash + Eq + Clone> {
    rate: Rate,
    clock: SinceMade,
    limiter: Limiter<K>,
    /// Who waits for a key, in turn.
    turns: Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>,
    /// After how many calls keys that are not in use are forgotten.
    calls_left: AtomicUsize,
}

/// The time of tokio, which tests can pause.
#[derive(Debug, Clone, Copy)]
struct SinceMade(Instant);

impl Clock for SinceMade {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How many calls are made at least before keys are forgotten.
const CALLS: usize = 4096;

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// A limit that no call has used yet.
    pub fn new(rate: Rate) -> Self {
        let clock = SinceMade(Instant::now());
        let limiter = RateLimiter::new(rate.quota(), HashMapStateStore::default(), clock);
        let calls_left = AtomicUsize::new(CALLS);
        Self {
            shared: Arc::new(Shared { rate, clock, limiter, turns: Mutex::default(), calls_left }),
        }
    }

    /// Waits for the turn of a call.
    async fn turn(&self, key: &K, cx: &RunContext) -> Result<(), AgentError> {
        let shared = &*self.shared;
        shared.forget();
        let turn = {
            let mut turns = shared.turns();
            match turns.get(key) {
                None if shared.limiter.check_key(key).is_ok() => return Ok(()),
                None => {
                    let turn = Arc::new(tokio::sync::Mutex::new(()));
                    turns.insert(key.clone(), turn.clone());
                    turn
                }
                Some(turn) => turn.clone(),
            }
        };
        let waiting = Waiting { shared, key, turn };
        let _first = cx.unless_stopped(waiting.turn.lock()).await?;
        while let Err(later) = shared.limiter.check_key(key) {
            let wait = later.wait_time_from(shared.clock.now());
            cx.unless_stopped(tokio::time::sleep(wait)).await?;
        }
        Ok(())
    }
}

impl<K: Hash + Eq + Clone> Shared<K> {
    fn turns(&self) -> MutexGuard<'_, HashMap<K, Arc<tokio::sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now and then drops the keys whose calls are so long ago that they do not matter any more, at a
    /// cost that grows with a call by a constant.
    fn forget(&self) {
        if self.calls_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.limiter.retain_recent();
            self.calls_left.store(CALLS.max(self.limiter.len()), Ordering::Relaxed);
        }
    }
}

/// Somebody who waits for a key. The last one to leave takes the queue away.
struct Waiting<'a, K: Hash + Eq + Clone> {
    shared: &'a Shared<K>,
    key: &'a K,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<K: Hash + Eq + Clone> Drop for Waiting<'_, K> {
    fn drop(&mut self) {
        let mut turns = self.shared.turns();
        // That of the map, and this one.
        if Arc::strong_count(&self.turn) == 2 {
            turns.remove(self.key);
        }
    }
}

impl<K: Hash + Eq + Clone> From<&Self> for RateLimit<K> {
    fn from(shared: &Self) -> Self {
        shared.clone()
    }
}

impl From<Rate> for RateLimit {
    fn from(rate: Rate) -> Self {
        Self::new(rate)
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("rate", &self.shared.rate)
            .field("keys", &self.shared.limiter.len())
            .finish_non_exhaustive()
    }
}

/// An agent that is called at a limited rate; made by
/// [`AgentExt::with_rate_limit`](crate::AgentExt::with_rate_limit) and
/// [`AgentExt::with_rate_limit_by`](crate::AgentExt::with_rate_limit_by).
#[derive(Clone)]
pub struct WithRateLimit<A, K, F>
where
    K: Hash + Eq + Clone,
{
    agent: A,
    limit: RateLimit<K>,
    key: F,
}

impl<A, K: Hash + Eq + Clone, F> WithRateLimit<A, K, F> {
    pub(crate) fn new(agent: A, limit: RateLimit<K>, key: F) -> Self {
        Self { agent, limit, key }
    }
}

impl<A: BaseAgent, K: Hash + Eq + Clone, F> fmt::Debug for WithRateLimit<A, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithRateLimit")
            .field("agent", &self.agent.name())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, K, F> BaseAgent for WithRateLimit<A, K, F>
where
    A: BaseAgent,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    F: Fn(&A::Input) -> K + Send + Sync + 'static,
{
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let key = (self.key)(&input);
        self.limit.turn(&key, cx).await?;
        self.agent.run(input, cx).await
    }
}
