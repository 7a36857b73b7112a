use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::erase::Erased;
use super::{BaseAgent, BoxAgent};
use crate::context::RunContext;
use crate::error::AgentError;
use crate::policy::{
    Breaker, Concurrency, LoopGuard, RetryPolicy, Timeout, WithBreaker, WithConcurrency,
    WithFallback, WithLoopGuard, WithRetry, WithTimeout,
};
#[cfg(feature = "rate-limit")]
use crate::policy::{RateLimit, WithRateLimit};

/// What every agent can do besides running.
pub trait AgentExt: BaseAgent + Sized + sealed::Sealed {
    /// Hides the agent's own type.
    fn boxed(self) -> BoxAgent<Self::Input, Self::Output> {
        Arc::new(self)
    }

    /// Changes the output. The function is a part of the agent: it runs again on a replay, so it
    /// must have no effects.
    fn map<T, F>(self, f: F) -> Map<Self, F>
    where
        T: Send + 'static,
        F: Fn(Self::Output) -> T + Send + Sync + 'static,
    {
        Map { agent: self, f }
    }

    /// Tries again after a failure that may pass, in the same place, so that the steps which an
    /// earlier attempt finished replay; see [`RetryPolicy`].
    ///
    /// Attempts are bounded by the policy, and end with the deadline and the budget of the context:
    /// nobody waits for an attempt that could not begin. The error is the last attempt's. Each failed
    /// attempt is journaled, with the working time from which on it is tried again, and told as
    /// [`Retried`](crate::EventKind::Retried) where another follows.
    ///
    /// It has the context to itself: in one in which something was opened before, it fails with
    /// [`PlaceInUse`](AgentError::PlaceInUse).
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use maniple_core::policy::RetryPolicy;
    /// use maniple_core::{AgentError, AgentExt, Run, agent_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), AgentError> {
    /// let calls = AtomicU32::new(0);
    /// let flaky = agent_fn("flaky", move |(): (), _cx| {
    ///     let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
    ///     async move {
    ///         if call < 3 { Err(AgentError::transient("busy")) } else { Ok(call) }
    ///     }
    /// });
    /// let run = Run::builder("example").open().await?;
    /// assert_eq!(run.execute(flaky.with_retry(RetryPolicy::network()), ()).await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    fn with_retry(self, policy: RetryPolicy) -> WithRetry<Self>
    where
        Self::Input: Clone,
    {
        WithRetry::new(self, policy)
    }

    /// Ends the agent with `DeadlineExceeded` once it has worked for so long, over all processes; see
    /// [`Timeout`].
    ///
    /// From then on nothing new begins in its context, and the scopes in it are stopped. It has the
    /// grace of the timeout to end by itself, none by default, and is then dropped: a step in flight
    /// is in doubt, as after a crash.
    ///
    /// A resumed run may come by the agent when it has worked for longer than that: what was in time
    /// replays, in as much time again, and nothing new begins.
    fn with_timeout(self, timeout: impl Into<Timeout>) -> WithTimeout<Self> {
        WithTimeout::new(self, timeout.into())
    }

    /// Rejects calls while the agent fails too often; see [`Breaker`].
    fn with_breaker(self, breaker: impl Into<Breaker>) -> WithBreaker<Self> {
        WithBreaker::new(self, breaker.into())
    }

    /// Lets only so many calls begin in a time, and the others wait; see
    /// [`RateLimit`](crate::policy::RateLimit).
    ///
    /// ```
    /// use maniple_core::{AgentExt, agent_fn, policy::Rate};
    ///
    /// let polite = agent_fn("fetch", |url: String, _cx| async move { Ok(url.len()) })
    ///     .with_rate_limit(Rate::per_second(2));
    /// ```
    #[cfg(feature = "rate-limit")]
    fn with_rate_limit(
        self,
        limit: impl Into<RateLimit>,
    ) -> WithRateLimit<Self, (), fn(&Self::Input)> {
        WithRateLimit::new(self, limit.into(), |_| ())
    }

    /// As [`with_rate_limit`](Self::with_rate_limit), for each key of the inputs on its own.
    ///
    /// ```
    /// use maniple_core::{AgentExt, agent_fn, policy::{Rate, RateLimit}};
    ///
    /// // Two calls a second to each host, and any number of hosts.
    /// let limit = RateLimit::new(Rate::per_second(2));
    /// let host = |url: &String| url.split('/').nth(2).unwrap_or_default().to_owned();
    /// let polite = agent_fn("fetch", |url: String, _cx| async move { Ok(url.len()) })
    ///     .with_rate_limit_by(&limit, host);
    /// ```
    #[cfg(feature = "rate-limit")]
    fn with_rate_limit_by<K, F>(
        self,
        limit: impl Into<RateLimit<K>>,
        key: F,
    ) -> WithRateLimit<Self, K, F>
    where
        K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
        F: Fn(&Self::Input) -> K + Send + Sync + 'static,
    {
        WithRateLimit::new(self, limit.into(), key)
    }

    /// Lets only so many calls run at the same time, and the others wait in order; see
    /// [`Concurrency`].
    ///
    /// An agent that calls itself, or another one behind the same limit, waits for itself.
    fn with_concurrency(self, limit: impl Into<Concurrency>) -> WithConcurrency<Self> {
        WithConcurrency::new(self, limit.into())
    }

    /// Fails a call that is made too often with the same input in one run; see [`LoopGuard`].
    fn with_loop_guard(self, guard: impl Into<LoopGuard>) -> WithLoopGuard<Self>
    where
        Self::Input: Serialize + Sync,
    {
        WithLoopGuard::new(self, guard.into())
    }

    /// Asks another agent where this one fails: with `Transient`, `Permanent`, `Panicked`,
    /// `BudgetExhausted`, or `DeadlineExceeded` while the context itself has time left.
    ///
    /// An `Indeterminate` failure is none of them, and neither is any other that leaves a reversible or
    /// irreversible step in doubt: what may have happened is not to happen twice. That
    /// the other agent is asked is journaled first, so a resumed run does not ask the first one again;
    /// what that has left open is closed when the run ends.
    fn with_fallback<B>(self, other: B) -> WithFallback<Self, B>
    where
        B: BaseAgent<Input = Self::Input, Output = Self::Output>,
        Self::Input: Clone,
    {
        WithFallback::new(self, other)
    }

    /// Hides input and output behind JSON values: what registries, recovery by name and remote
    /// workers hold.
    ///
    /// An input that is not of the agent's type, or an output that has no form in JSON, is a
    /// [`Codec`](AgentError::Codec) error of the agent.
    fn erase(self) -> BoxAgent<Value, Value>
    where
        Self::Input: DeserializeOwned,
        Self::Output: Serialize,
    {
        Arc::new(Erased(self))
    }
}

impl<A: BaseAgent> AgentExt for A {}

mod sealed {
    pub trait Sealed {}
    impl<A: super::BaseAgent> Sealed for A {}
}

/// An agent whose output is changed by a function; made by [`AgentExt::map`].
pub struct Map<A, F> {
    agent: A,
    f: F,
}

impl<A: fmt::Debug, F> fmt::Debug for Map<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("agent", &self.agent).finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, F, T> BaseAgent for Map<A, F>
where
    A: BaseAgent,
    F: Fn(A::Output) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Input = A::Input;
    type Output = T;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<T, AgentError> {
        self.agent.run(input, cx).await.map(&self.f)
    }
}
