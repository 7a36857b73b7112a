use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use async_trait::async_trait;

use super::BaseAgent;
use crate::context::RunContext;
use crate::error::AgentError;

/// Makes an agent of a closure, which gets a [`RunContext`] of its own.
///
/// Annotate the input; everything else is inferred. What the closure captures is cloned before the
/// `async move`, since the agent may run many times at once.
///
/// ```
/// use maniple_core::{AgentError, Run, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let greeting = String::from("hello");
/// let greet = agent_fn("greet", move |name: String, _cx| {
///     let greeting = greeting.clone();
///     async move { Ok(format!("{greeting}, {name}")) }
/// });
/// let run = Run::builder("example").open().await?;
/// assert_eq!(run.execute(greet, "world".into()).await?, "hello, world");
/// # Ok(())
/// # }
/// ```
pub fn agent_fn<I, O, F, Fut>(name: impl Into<String>, f: F) -> FnAgent<F, I, O>
where
    I: Send + 'static,
    O: Send + 'static,
    F: Fn(I, RunContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send,
{
    FnAgent { name: name.into(), f, types: PhantomData }
}

/// An agent made of a closure by [`agent_fn`].
pub struct FnAgent<F, I, O> {
    name: String,
    f: F,
    types: PhantomData<fn(I) -> O>,
}

impl<F, I, O> fmt::Debug for FnAgent<F, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnAgent")
            .field("name", &self.name)
            .field("input", &type_name::<I>())
            .field("output", &type_name::<O>())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<I, O, F, Fut> BaseAgent for FnAgent<F, I, O>
where
    I: Send + 'static,
    O: Send + 'static,
    F: Fn(I, RunContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send,
{
    type Input = I;
    type Output = O;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: I, cx: &RunContext) -> Result<O, AgentError> {
        (self.f)(input, cx.clone()).await
    }
}
