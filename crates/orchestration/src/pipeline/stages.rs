use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::{Call, durable, plain};
use crate::report::PatternReport;

/// The stages of a [`Pipeline`](super::Pipeline), as [`Stage`] and [`Then`] build them.
#[async_trait]
pub trait Stages: sealed::Sealed + Send + Sync + 'static {
    /// The input of the first stage.
    type Input: Send + 'static;
    /// The output of the last stage.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn names(&self, names: &mut Vec<Arc<str>>);

    #[doc(hidden)]
    async fn drive(
        &self,
        input: Self::Input,
        cx: &RunContext,
        grace: Duration,
        report: &mut PatternReport,
    ) -> Result<Self::Output, AgentError>;
}

/// Stages whose inputs and outputs can all be journaled.
#[diagnostic::on_unimplemented(
    message = "a pipeline is durable only where every stage's input is `Serialize` and its output \
               `Serialize + DeserializeOwned`",
    label = "some input or output of these stages cannot be journaled"
)]
pub trait DurableStages: Stages {
    #[doc(hidden)]
    fn into_durable(self) -> Self;
}

/// One agent as a stage.
pub struct Stage<A: BaseAgent> {
    agent: Arc<A>,
    call: Call<A>,
}

/// A stage behind others.
pub struct Then<S, B: BaseAgent> {
    before: S,
    last: Stage<B>,
}

impl<A: BaseAgent> Stage<A> {
    pub(super) fn new(agent: A) -> Self {
        Self { agent: Arc::new(agent), call: plain::<A> }
    }
}

impl<S, B: BaseAgent> Then<S, B> {
    pub(super) fn new(before: S, last: B) -> Self {
        Self { before, last: Stage::new(last) }
    }
}

#[async_trait]
impl<A: BaseAgent> Stages for Stage<A> {
    type Input = A::Input;
    type Output = A::Output;

    fn names(&self, names: &mut Vec<Arc<str>>) {
        names.push(self.agent.name().into());
    }

    async fn drive(
        &self,
        input: A::Input,
        cx: &RunContext,
        grace: Duration,
        report: &mut PatternReport,
    ) -> Result<A::Output, AgentError> {
        let (agent, call) = (self.agent.clone(), self.call);
        let work = move |cx: RunContext| async move { call(&agent, input, &cx).await };
        report.started += 1;
        let done = Scope::run_one(cx, self.agent.name(), grace, work).await?;
        report.count(done.timing, &done.result);
        done.result
    }
}

#[async_trait]
impl<S: Stages, B: BaseAgent<Input = S::Output>> Stages for Then<S, B> {
    type Input = S::Input;
    type Output = B::Output;

    fn names(&self, names: &mut Vec<Arc<str>>) {
        self.before.names(names);
        self.last.names(names);
    }

    async fn drive(
        &self,
        input: S::Input,
        cx: &RunContext,
        grace: Duration,
        report: &mut PatternReport,
    ) -> Result<B::Output, AgentError> {
        let between = self.before.drive(input, cx, grace, report).await?;
        self.last.drive(between, cx, grace, report).await
    }
}

impl<A> DurableStages for Stage<A>
where
    A: BaseAgent,
    A::Input: Serialize,
    A::Output: Serialize + DeserializeOwned,
{
    fn into_durable(mut self) -> Self {
        self.call = durable::<A>;
        self
    }
}

impl<S, B> DurableStages for Then<S, B>
where
    S: DurableStages,
    B: BaseAgent<Input = S::Output>,
    B::Input: Serialize,
    B::Output: Serialize + DeserializeOwned,
{
    fn into_durable(self) -> Self {
        Self { before: self.before.into_durable(), last: self.last.into_durable() }
    }
}

impl<A: BaseAgent> fmt::Debug for Stage<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("agent", &self.agent.name()).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, B: BaseAgent> fmt::Debug for Then<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").field("before", &self.before).field("last", &self.last).finish()
    }
}

mod sealed {
    use maniple_core::BaseAgent;

    pub trait Sealed {}
    impl<A: BaseAgent> Sealed for super::Stage<A> {}
    impl<S, B: BaseAgent> Sealed for super::Then<S, B> {}
}
