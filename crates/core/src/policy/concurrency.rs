//! No more than so many at the same time.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::error::AgentError;

/// How many calls may run at the same time, over all agents that share it: clones are the same limit.
///
/// Calls wait in the order in which they came.
///
/// ```
/// use maniple_core::{AgentExt, agent_fn, policy::Concurrency};
///
/// // One service stands behind both, and takes four calls at a time.
/// let service = Concurrency::new(4);
/// let search = agent_fn("search", |query: String, _cx| async move { Ok(query.len()) })
///     .with_concurrency(&service);
/// let fetch = agent_fn("fetch", |url: String, _cx| async move { Ok(url.len()) })
///     .with_concurrency(&service);
/// ```
#[derive(Debug, Clone)]
pub struct Concurrency {
    permits: Arc<Semaphore>,
}

impl Concurrency {
    /// So many at the same time; 0 counts as 1.
    pub fn new(limit: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// How many more calls could begin now.
    pub fn available(&self) -> usize {
        self.permits.available_permits()
    }
}

impl From<usize> for Concurrency {
    fn from(limit: usize) -> Self {
        Self::new(limit)
    }
}

impl From<&Self> for Concurrency {
    fn from(shared: &Self) -> Self {
        shared.clone()
    }
}

/// An agent of which only so many run at once; made by
/// [`AgentExt::with_concurrency`](crate::AgentExt::with_concurrency).
#[derive(Clone)]
pub struct WithConcurrency<A> {
    agent: A,
    limit: Concurrency,
}

impl<A> WithConcurrency<A> {
    pub(crate) fn new(agent: A, limit: Concurrency) -> Self {
        Self { agent, limit }
    }
}

impl<A: BaseAgent> fmt::Debug for WithConcurrency<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.agent.name();
        f.debug_struct("WithConcurrency").field("agent", &name).field("limit", &self.limit).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: BaseAgent> BaseAgent for WithConcurrency<A> {
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let permits = &self.limit.permits;
        // It fails where the semaphore is closed, which nobody does, and where others wait.
        let _permit = match permits.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => cx.unless_stopped(permits.acquire()).await?.ok(),
        };
        self.agent.run(input, cx).await
    }
}
