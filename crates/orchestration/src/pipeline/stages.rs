use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::passage::Passage;
use crate::call::{Call, durable, plain};

/// The stages of a [`Pipeline`](super::Pipeline), as [`Stage`] and [`Then`] build them.
#[async_trait]
pub trait Stages: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The input of the first stage.
    type Input: Send + 'static;
    /// The output of the last stage.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn names(&self, names: &mut Vec<Arc<str>>);

    #[doc(hidden)]
    fn limits(&self, limits: &mut Vec<usize>);

    #[doc(hidden)]
    fn limit_last(&mut self, limit: NonZeroUsize);

    #[doc(hidden)]
    async fn pass(
        &self,
        input: Self::Input,
        passage: &mut Passage,
    ) -> Result<Self::Output, AgentError>;
}

/// Stages whose inputs and outputs can all be journaled.
#[diagnostic::on_unimplemented(
    message = "a pipeline is durable only where every stage's input is `Serialize` and its output \
               `Serialize + DeserializeOwned`",
    label = "some input or output of these stages cannot be journaled"
)]
pub trait DurableStages: Stages<Input: Serialize, Output: Serialize + DeserializeOwned> {
    #[doc(hidden)]
    fn into_durable(self) -> Self;
}

/// One item on its way through all stages.
pub(super) type PassAll<S> = for<'a> fn(
    &'a S,
    <S as Stages>::Input,
    &'a mut Passage,
)
    -> BoxFuture<'a, Result<<S as Stages>::Output, AgentError>>;

/// Passes an item as one durable branch.
pub(super) fn pass_as_branch<'a, S: DurableStages>(
    stages: &'a S,
    input: S::Input,
    passage: &'a mut Passage,
) -> BoxFuture<'a, Result<S::Output, AgentError>> {
    let cx: RunContext = passage.context().clone();
    Box::pin(async move { cx.branch(input, |input| stages.pass(input, passage)).await })
}

/// One agent as a stage.
pub struct Stage<A: BaseAgent> {
    agent: Arc<A>,
    call: Call<A>,
    limit: NonZeroUsize,
}

/// A stage behind others.
pub struct Then<S, B: BaseAgent> {
    before: S,
    last: Stage<B>,
}

impl<A: BaseAgent> Stage<A> {
    pub(super) fn new(agent: A) -> Self {
        Self { agent: Arc::new(agent), call: plain::<A>, limit: NonZeroUsize::MIN }
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

    fn limits(&self, limits: &mut Vec<usize>) {
        limits.push(self.limit.get());
    }

    fn limit_last(&mut self, limit: NonZeroUsize) {
        self.limit = limit;
    }

    async fn pass(&self, input: A::Input, passage: &mut Passage) -> Result<A::Output, AgentError> {
        let cx = passage.enter(self.agent.name()).await?;
        let began = passage.began();
        let call = if passage.is_at_the_end() { plain::<A> } else { self.call };
        let result = cx.invoke(|cx| async move { call(&self.agent, input, &cx).await }).await;
        passage.ended(began, &result);
        let output = result?;
        passage.leave().await?;
        Ok(output)
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

    fn limits(&self, limits: &mut Vec<usize>) {
        self.before.limits(limits);
        self.last.limits(limits);
    }

    fn limit_last(&mut self, limit: NonZeroUsize) {
        self.last.limit_last(limit);
    }

    async fn pass(&self, input: S::Input, passage: &mut Passage) -> Result<B::Output, AgentError> {
        let between = self.before.pass(input, passage).await?;
        self.last.pass(between, passage).await
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

impl<A: BaseAgent> Clone for Stage<A> {
    fn clone(&self) -> Self {
        Self { agent: self.agent.clone(), call: self.call, limit: self.limit }
    }
}

impl<S: Clone, B: BaseAgent> Clone for Then<S, B> {
    fn clone(&self) -> Self {
        Self { before: self.before.clone(), last: self.last.clone() }
    }
}

impl<A: BaseAgent> fmt::Debug for Stage<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("agent", &self.agent.name())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
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
