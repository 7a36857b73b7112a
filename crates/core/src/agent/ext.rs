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
