//! What stands around an agent: retry, timeout, breaker, rate limit, concurrency, loop guard and
//! fallback.
//!
//! Each is put around an agent by a method of [`AgentExt`](crate::AgentExt), and what comes out is an
//! agent again. The order of wrapping is the order of meaning: what is written last is outermost, and
//! sees everything that is inside of it as one call.
//!
//! ```text
//! model                                   with_fallback ────────────────────────┐
//!     .with_timeout(…)                    │ with_retry ───────────────────────┐ │
//!     .with_breaker(…)                    │ │ with_breaker ─────────────────┐ │ │
//!     .with_retry(…)            is        │ │ │ with_timeout ─────────────┐ │ │ │
//!     .with_fallback(other)               │ │ │ │         model           │ │ │ │
//!                                         │ │ │ └─────────────────────────┘ │ │ │
//!                                         │ │ └─────────────────────────────┘ │ │
//!                                         │ └─────────────────────────────────┘ │
//!                                         └─────────────────────────────────────┘
//! ```
//!
//! So each attempt has its own time, is a call that the breaker counts, and may be rejected by it,
//! which is a failure that the retry waits after; when no attempt is left, the other agent answers.
//! The other way round, `.with_retry(…).with_timeout(…)` gives one time to all attempts together, and
//! a breaker around a retry counts a call that took five attempts once.
//!
//! Every policy keeps these laws:
//! - **It names nothing.** What is journaled inside of a policy has the key that it would have
//!   without it. Adding, removing or reordering policies, with runs in flight, makes no finished step
//!   run again. A fallback's other agent has a place of its own, `%fallback`; and what is decided by
//!   arrival or chance belongs to its attempt, so with a retry added it is decided anew.
//! - **It is no answer to what needs somebody.** `Cancelled`, `Suspended`, `Parked` and `Diverged`
//!   pass through it unseen: they are neither counted nor tried again nor replaced.
//! - **What it decides by time is journaled before it is acted upon**: that an attempt failed and when
//!   the next one begins, that the time was up, that the other agent is asked, that a call was one too
//!   many. A resumed run does not decide that again.
//! - **It stops when its context stops.** A wait ends with the context's cancellation and deadline, one
//!   for a replay too: a permit or a turn is waited for all the same.
//! - **It has its context to itself**, where it may decide that the agent is not asked again: retry,
//!   timeout and fallback. What would follow in the same context fails with
//!   [`PlaceInUse`](crate::AgentError::PlaceInUse), since how far the agent got there depends on what
//!   was decided. Agents that are executed, and those in patterns, have one each; whoever calls an
//!   agent by hand gives it a [`child`](crate::RunContext::child).
//!
//! Breaker, rate limit and concurrency do not know a replay from a call: an open breaker rejects it too,
//! which is transient, and a permit is waited for.
//!
//! | policy | bounds | its failure | counted as |
//! | --- | --- | --- | --- |
//! | [retry](RetryPolicy) | attempts, and with them by budget and deadline | the last attempt's | |
//! | [timeout](Timeout) | working time | `DeadlineExceeded` | a timeout of its attempt |
//! | [breaker](Breaker) | calls to what fails | [`Rejected`], transient | |
//! | [rate limit](RateLimit) | calls that begin in a time | none: it waits | |
//! | [concurrency](Concurrency) | calls at the same time | none: it waits | |
//! | [loop guard](LoopGuard) | same calls of a run | [`LoopDetected`], permanent | an answer |
//! | fallback | nothing | the other agent's | |
//!
//! ```
//! use std::time::Duration;
//! use maniple_core::policy::{Breaker, RetryPolicy};
//! use maniple_core::{AgentError, AgentExt, Run, agent_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), AgentError> {
//! let large = agent_fn("large", |question: String, _cx| async move {
//!     // A model call goes here. This one is down for good.
//!     Err::<String, _>(AgentError::permanent(format!("no answer to {question:?}")))
//! });
//! let small = agent_fn("small", |question: String, _cx| async move { Ok(question + "? 42.") });
//!
//! let answer = large
//!     .with_timeout(Duration::from_secs(30))
//!     .with_breaker(Breaker::new("large"))
//!     .with_retry(RetryPolicy::api())
//!     .with_fallback(small);
//! let run = Run::builder("example").open().await?;
//! assert_eq!(run.execute(answer, "Why".into()).await?, "Why? 42.");
//! # Ok(())
//! # }
//! ```

mod breaker;
mod concurrency;
mod fallback;
mod loop_guard;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod retry;
mod timeout;

pub use breaker::{Breaker, BreakerState, Rejected, WithBreaker};
pub use concurrency::{Concurrency, WithConcurrency};
pub use fallback::WithFallback;
pub(crate) use loop_guard::Calls;
pub use loop_guard::{LoopDetected, LoopGuard, WithLoopGuard};
#[cfg(feature = "rate-limit")]
pub use rate_limit::{Rate, RateLimit, WithRateLimit};
pub use retry::{RetryPolicy, WithRetry};
pub use timeout::{Timeout, WithTimeout};
