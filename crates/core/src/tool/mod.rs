//! What a model may call.

mod agent;
mod arguments;
mod call;
mod cost;
mod function;
mod name;
mod registry;
mod response;
mod spec;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::Value;

pub use agent::ToolAgent;
pub use call::ToolCall;
pub use function::{FnTool, tool_fn};
pub use name::ToolNameFault;
pub use registry::{RegisterError, ToolRegistry, ToolRegistryBuilder};
pub use response::{ArgumentFault, JsonPosition, ToolError, ToolOutcome, ToolOutput, ToolResponse};
pub use spec::ToolSpec;

use crate::error::AgentError;
use crate::step::StepContext;

/// Something that a model may ask for by name: a closure ([`tool_fn`]), a client of a service.
///
/// It is called through a [`ToolRegistry`], which checks the arguments and runs the call as a step.
/// That is why a tool is given a [`StepContext`] and no [`RunContext`](crate::RunContext): nothing
/// may be opened in a step. Work that has steps of its own is an agent, and not a tool.
///
/// ```
/// use async_trait::async_trait;
/// use maniple_core::{AgentError, Effect, StepContext, Tool, ToolOutput, ToolSpec};
/// use serde_json::{Value, json};
///
/// /// A tool whose schema comes from elsewhere.
/// #[derive(Debug)]
/// struct Remote {
///     schema: schemars::Schema,
/// }
///
/// #[async_trait]
/// impl Tool for Remote {
///     fn spec(&self) -> ToolSpec {
///         ToolSpec::new("forecast", "Tells the weather.", self.schema.clone(), Effect::Pure)
///     }
///
///     async fn call(&self, arguments: Value, _: StepContext) -> Result<ToolOutput, AgentError> {
///         let city = arguments["city"].clone();
///         Ok(ToolOutput::from(json!({ "city": city, "sky": "clear" })).with("source", "remote"))
///     }
/// }
/// ```
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// What the tool is. It is asked once, when the tool is registered.
    fn spec(&self) -> ToolSpec;

    /// Does what the tool is for, with arguments that its schema accepts.
    ///
    /// A service that is called is given [`StepContext::idempotency_key`], so that it counts a call
    /// that is made again once.
    ///
    /// # Errors
    /// Whatever kept the tool from its output. Its [class](AgentError::class) says what that means:
    /// [`ToolRegistry::call`] tells which classes the model is answered with.
    ///
    /// # Cancel safety
    /// A dropped call is a crash as far as the journal is concerned: its step is in doubt.
    async fn call(&self, arguments: Value, step: StepContext) -> Result<ToolOutput, AgentError>;
}

const _: Option<&dyn Tool> = None;

/// Forwards the trait without the allocation that `#[async_trait]` would add for each layer.
macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: Tool + ?Sized> Tool for $pointer<T> {
            fn spec(&self) -> ToolSpec {
                (**self).spec()
            }

            fn call<'life0, 'async_trait>(
                &'life0 self,
                arguments: Value,
                step: StepContext,
            ) -> BoxFuture<'async_trait, Result<ToolOutput, AgentError>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                (**self).call(arguments, step)
            }
        }
    )*};
}
forward!(Arc, Box);
