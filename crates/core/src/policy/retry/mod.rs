//! Trying again what failed for a reason that may pass.

mod policy;

use std::fmt;

use async_trait::async_trait;

pub use policy::RetryPolicy;

use crate::agent::BaseAgent;
use crate::attempts::Schedule;
use crate::contain::contain;
use crate::context::RunContext;
use crate::error::{AgentError, Class};

/// An agent that is tried again; made by [`AgentExt::with_retry`](crate::AgentExt::with_retry).
#[derive(Clone)]
pub struct WithRetry<A> {
    agent: A,
    policy: RetryPolicy,
}

impl<A> WithRetry<A> {
    pub(crate) fn new(agent: A, policy: RetryPolicy) -> Self {
        Self { agent, policy }
    }
}

impl<A: BaseAgent> fmt::Debug for WithRetry<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.agent.name();
        f.debug_struct("WithRetry").field("agent", &name).field("policy", &self.policy).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A> BaseAgent for WithRetry<A>
where
    A: BaseAgent,
    A::Input: Clone,
{
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let _hold = cx.hold()?;
        // Attempts take the same names again and again.
        if cx.node.is_used() {
            return Err(AgentError::PlaceInUse { key: cx.path(), what: "attempts" });
        }
        let panics = self.policy.retries(Class::Panicked);
        let agent = &self.agent;
        cx.attempt_by(&self.policy, move |cx| {
            let input = input.clone();
            async move {
                let work = agent.run(input, &cx);
                if panics { contain(|| cx.path(), work).await } else { work.await }
            }
        })
        .await
    }
}
