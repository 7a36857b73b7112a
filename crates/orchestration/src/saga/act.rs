//! What a step of a saga does, and how it is taken back, without its types.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use maniple_core::policy::RetryPolicy;
use maniple_core::{
    AgentError, AgentExt, BaseAgent, Effect, Payload, RunContext, Source, StepContext, StepOptions,
    agent_fn,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::{Faults, Part, Times};
use super::handle::sealed::Any;
use super::handle::{Given, Value, typed};

/// What an undo is given.
#[derive(Debug, Clone, Serialize)]
pub struct Undo<I, G, O> {
    /// The saga's input.
    pub input: I,
    /// What the step was given.
    pub given: G,
    /// What the step has made. `None` where it is not known whether it happened: it may have done all
    /// of its work, some, or none.
    pub output: Option<O>,
}

/// What a step is done and taken back with.
pub(super) struct Work<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) input: &'a Value,
    pub(super) given: &'a [Any],
    pub(super) faults: &'a Faults,
}

/// How undos are tried.
#[derive(Debug, Clone)]
pub(super) struct Compensation {
    pub(super) retry: RetryPolicy,
    pub(super) within: Duration,
}

type Acting = BoxFuture<'static, Result<Value, AgentError>>;
pub(super) type Undoing = BoxFuture<'static, Result<(), AgentError>>;

pub(super) trait Act: Send + Sync {
    /// Does the work in a context of its own.
    fn act(&self, work: &Work<'_>, cx: RunContext) -> Acting;

    /// An output that was written down by hand.
    fn read(&self, output: &Payload) -> Result<Value, Source>;
}

pub(super) trait TakeBack: Send + Sync {
    fn undo(
        &self,
        work: &Work<'_>,
        output: Option<&Value>,
        how: &Compensation,
        cx: RunContext,
    ) -> Undoing;
}

fn read<O: DeserializeOwned + Send + Sync + 'static>(output: &Payload) -> Result<Value, Source> {
    Ok(Arc::new(output.decode::<O>()?))
}

/// A single step of the journal.
pub(super) struct Closure<I, G, O, F> {
    pub(super) options: StepOptions,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) f: F,
    pub(super) types: PhantomData<fn(I, G) -> O>,
}

impl<I, G, O, F, Fut> Act for Closure<I, G, O, F>
where
    I: Clone + Serialize + Send + Sync + 'static,
    G: Given,
    O: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(I, G::Values, StepContext) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
{
    fn act(&self, work: &Work<'_>, cx: RunContext) -> Acting {
        let (name, options, f) = (work.name.clone(), self.options, self.f.clone());
        let input = (typed::<I>(work.input), G::read(work.given));
        let faults = work.faults.clone();
        let step = move |input, cx: RunContext| {
            let (name, f, faults) = (name.clone(), f.clone(), faults.clone());
            async move {
                let step = name.clone();
                let body = move |(input, given): (I, G::Values), cx: StepContext| async move {
                    if faults.before(&step, Part::Action).await? == Times::Twice {
                        f(input.clone(), given.clone(), cx.clone()).await?;
                    }
                    let result = f(input, given, cx).await;
                    faults.after(&step, Part::Action, result).await
                };
                let output = cx.step(&name, options, input, body).await?;
                Ok(Arc::new(output) as Value)
            }
        };
        match self.retry.clone() {
            None => step(input, cx).boxed(),
            Some(policy) => {
                let agent = agent_fn(&**work.name, step).with_retry(policy);
                async move { agent.run(input, &cx).await }.boxed()
            }
        }
    }

    fn read(&self, output: &Payload) -> Result<Value, Source> {
        read::<O>(output)
    }
}

/// An agent whose output is journaled as that of a durable branch.
pub(super) struct Agent<I, G, A, F> {
    pub(super) inner: Arc<A>,
    pub(super) input: F,
    pub(super) types: PhantomData<fn(I, G)>,
}

impl<I, G, A, F> Act for Agent<I, G, A, F>
where
    I: Clone + Send + Sync + 'static,
    G: Given,
    A: BaseAgent<Input: Serialize, Output: Serialize + DeserializeOwned + Sync>,
    F: Fn(I, G::Values) -> A::Input + Send + Sync + 'static,
{
    fn act(&self, work: &Work<'_>, cx: RunContext) -> Acting {
        let agent = self.inner.clone();
        let input = (self.input)(typed::<I>(work.input), G::read(work.given));
        let (name, faults) = (work.name.clone(), work.faults.clone());
        let run = async move {
            let work = |input| async {
                faults.before(&name, Part::Action).await?;
                let result = agent.run(input, &cx).await;
                faults.after(&name, Part::Action, result).await
            };
            cx.branch(input, work).await
        };
        run.map_ok(|output| Arc::new(output) as Value).boxed()
    }

    fn read(&self, output: &Payload) -> Result<Value, Source> {
        read::<A::Output>(output)
    }
}

/// What is made of values alone, and leaves nothing behind: where a saga in a saga begins and ends.
pub(super) struct Pure<F>(pub(super) F);

impl<F> Act for Pure<F>
where
    F: Fn(&Work<'_>) -> Value + Send + Sync,
{
    fn act(&self, work: &Work<'_>, _: RunContext) -> Acting {
        futures::future::ready(Ok((self.0)(work))).boxed()
    }

    fn read(&self, _: &Payload) -> Result<Value, Source> {
        Err(Source::new("this step has no effect, so nobody is asked about it"))
    }
}

pub(super) struct UndoStep<I, G, O, F> {
    pub(super) f: F,
    pub(super) types: PhantomData<fn(I, G, O)>,
}

impl<I, G, O, F, Fut> TakeBack for UndoStep<I, G, O, F>
where
    I: Clone + Serialize + Send + Sync + 'static,
    G: Given,
    O: Clone + Serialize + Send + Sync + 'static,
    F: Fn(Undo<I, G::Values, O>, StepContext) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
{
    fn undo(
        &self,
        work: &Work<'_>,
        output: Option<&Value>,
        how: &Compensation,
        cx: RunContext,
    ) -> Undoing {
        let undo = Undo {
            input: typed::<I>(work.input),
            given: G::read(work.given),
            output: output.map(typed::<O>),
        };
        let (name, f) = (work.name.clone(), self.f.clone());
        let faults = work.faults.clone();
        let step = move |undo: Undo<I, G::Values, O>, cx: RunContext| {
            let (name, f, faults) = (name.clone(), f.clone(), faults.clone());
            async move {
                let step = name.clone();
                let body = move |undo: Undo<I, G::Values, O>, cx: StepContext| async move {
                    if faults.before(&step, Part::Undo).await? == Times::Twice {
                        f(undo.clone(), cx.clone()).await?;
                    }
                    let result = f(undo, cx).await;
                    faults.after(&step, Part::Undo, result).await
                };
                cx.step(&name, Effect::Idempotent, undo, body).await
            }
        };
        let agent =
            agent_fn(&**work.name, step).with_retry(how.retry.clone()).with_timeout(how.within);
        async move { agent.run(undo, &cx).await }.boxed()
    }
}
