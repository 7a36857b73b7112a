//! The one trait that everything which runs implements.

mod erase;
mod ext;
mod function;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use ext::{AgentExt, Map};
pub use function::{FnAgent, agent_fn};

use crate::context::RunContext;
use crate::error::AgentError;

/// Something that turns an input into an output: a closure, a model call, a child process, a
/// pattern made of other agents.
///
/// ```
/// use async_trait::async_trait;
/// use maniple_core::{AgentError, BaseAgent, RunContext};
///
/// #[derive(Debug)]
/// struct Shout;
///
/// #[async_trait]
/// impl BaseAgent for Shout {
///     type Input = String;
///     type Output = String;
///
///     fn name(&self) -> &str {
///         "shout"
///     }
///
///     async fn run(&self, input: String, _cx: &RunContext) -> Result<String, AgentError> {
///         Ok(input.to_uppercase())
///     }
/// }
/// ```
#[async_trait]
pub trait BaseAgent: Send + Sync + 'static {
    /// What the agent works on.
    type Input: Send + 'static;
    /// What it makes of it.
    type Output: Send + 'static;

    /// The agent's name, the same in every process: it becomes part of the keys under which the
    /// agent's steps are journaled.
    fn name(&self) -> &str;

    /// Does the work.
    ///
    /// Everything that crosses the agent's boundary is in `cx`. Work that must not be done twice
    /// stands in [`cx.step`](RunContext::step).
    ///
    /// # Errors
    /// Whatever kept the agent from its output; its [class](AgentError::class) says what that means.
    ///
    /// # Cancel safety
    /// A dropped call is a crash as far as the journal is concerned: finished steps are kept, and
    /// one in flight is in doubt.
    async fn run(&self, input: Self::Input, cx: &RunContext) -> Result<Self::Output, AgentError>;
}

/// Any agent with this input and output.
pub type BoxAgent<I, O> = Arc<dyn BaseAgent<Input = I, Output = O>>;

const _: Option<BoxAgent<(), ()>> = None;

/// Forwards the trait without the allocation that `#[async_trait]` would add for each layer.
macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<A: BaseAgent + ?Sized> BaseAgent for $pointer<A> {
            type Input = A::Input;
            type Output = A::Output;

            fn name(&self) -> &str {
                (**self).name()
            }

            fn run<'life0, 'life1, 'async_trait>(
                &'life0 self,
                input: Self::Input,
                cx: &'life1 RunContext,
            ) -> BoxFuture<'async_trait, Result<Self::Output, AgentError>>
            where
                'life0: 'async_trait,
                'life1: 'async_trait,
                Self: 'async_trait,
            {
                (**self).run(input, cx)
            }
        }
    )*};
}
forward!(Arc, Box);
