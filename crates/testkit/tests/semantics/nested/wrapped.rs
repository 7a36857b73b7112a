//! Policies around a generated program.

use std::num::NonZeroU32;
use std::time::Duration;

use maniple_core::policy::{Breaker, LoopGuard, RetryPolicy};
use maniple_core::{AgentExt, BoxAgent, Effect, agent_fn};
use maniple_testkit::{Process, Random};

use crate::common::*;

/// One of those whose bounds are reached by a program, or by none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapper {
    Retry,
    Timeout,
    Breaker,
    Concurrency,
    LoopGuard,
    Fallback,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Wrapper {
    const ALL: [Self; 6] = [
        Self::Retry,
        Self::Timeout,
        Self::Breaker,
        Self::Concurrency,
        Self::LoopGuard,
        Self::Fallback,
    ];

    pub(super) fn generate(random: &mut Random) -> Vec<Self> {
        (0..=random.index(3)).map(|_| Self::ALL[random.index(Self::ALL.len())]).collect()
    }

    pub(super) fn around(self, agent: BoxAgent<u64, u64>, process: &Process) -> BoxAgent<u64, u64> {
        match self {
            Self::Retry => {
                let three = NonZeroU32::new(3).unwrap();
                agent.with_retry(RetryPolicy::new(three)).boxed()
            }
            Self::Timeout => agent.with_timeout(HOUR).boxed(),
            Self::Breaker => agent.with_breaker(Breaker::new("b").with_window(99, 99)).boxed(),
            Self::Concurrency => agent.with_concurrency(1).boxed(),
            Self::LoopGuard => agent.with_loop_guard(LoopGuard::new(2, HOUR)).boxed(),
            Self::Fallback => {
                let process = process.clone();
                let other = agent_fn("other", move |n: u64, cx| {
                    let process = process.clone();
                    async move { add_one(&cx, &process, "do", Effect::Idempotent, n).await }
                });
                agent.with_fallback(other).boxed()
            }
        }
    }
}
