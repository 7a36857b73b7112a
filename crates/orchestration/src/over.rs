use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use maniple_core::{AgentError, BaseAgent, RunContext};

use crate::inputs::Inputs;

/// A pattern with many inputs as an agent with one: its input says what the many are, and they are
/// pulled as there is room. Made by [`MapReduce::over`](crate::MapReduce::over) and
/// [`Flow::over`](crate::Flow::over).
pub struct Over<P: BaseAgent, T, I> {
    pattern: P,
    source: Source<T, I>,
    run: RunOver<P, I>,
}

pub(crate) type Source<T, I> = Arc<dyn Fn(T) -> Inputs<I> + Send + Sync>;

/// Runs a pattern on inputs that need be no list.
pub(crate) type RunOver<P, I> =
    for<'a> fn(
        &'a P,
        Inputs<I>,
        &'a RunContext,
    ) -> BoxFuture<'a, Result<<P as BaseAgent>::Output, AgentError>>;

impl<P: BaseAgent, T, I> Over<P, T, I> {
    pub(crate) fn new(pattern: P, source: Source<T, I>, run: RunOver<P, I>) -> Self {
        Self { pattern, source, run }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P, T, I> BaseAgent for Over<P, T, I>
where
    P: BaseAgent,
    T: Send + 'static,
    I: Send + 'static,
{
    type Input = T;
    type Output = P::Output;

    fn name(&self) -> &str {
        self.pattern.name()
    }

    async fn run(&self, input: T, cx: &RunContext) -> Result<P::Output, AgentError> {
        (self.run)(&self.pattern, (self.source)(input), cx).await
    }
}

impl<P: BaseAgent + fmt::Debug, T, I> fmt::Debug for Over<P, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Over").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}
