use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Tool, ToolOutput, ToolSpec};
use crate::error::{AgentError, Class, Source};
use crate::step::{StepContext, StepOptions};

/// Makes a tool of a closure. The schema is made of the type of its arguments, a struct with named
/// fields; the documentation of each field is what the model reads of it. Arguments that no field
/// is there for are ignored, unless the type says `#[serde(deny_unknown_fields)]`. An output that
/// cannot be written as JSON is an [indeterminate](Class::Indeterminate) failure: the work was done.
///
/// `options` is an [`Effect`](crate::Effect), or one that [reserves](crate::Effect::reserving) a part
/// of the budget. What the closure captures is cloned before the `async move`, since the tool may be
/// called many times at once.
///
/// ```
/// use maniple_core::{AgentError, Effect, MemoryJournal, Run, ToolRegistry, agent_fn, tool_fn};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Search {
///     /// What to look for.
///     query: String,
///     /// How many results there are at most.
///     #[schemars(range(min = 1, max = 50))]
///     limit: u8,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let search = tool_fn("search", "Finds notes.", Effect::Pure, |args: Search, _step| async move {
///     Ok(vec![format!("a note on {}", args.query); usize::from(args.limit)])
/// });
/// let tools = ToolRegistry::builder().with(search).build()?;
///
/// let agent = agent_fn("agent", move |(), cx| {
///     let tools = tools.clone();
///     async move {
///         let found = tools.call(&cx, "search", json!({ "query": "ants", "limit": 1 })).await?;
///         assert_eq!(found.for_model(), r#"{"outcome":"succeeded","data":["a note on ants"]}"#);
///
///         let wrong = tools.call(&cx, "search", json!({ "query": "ants", "limit": 99 })).await?;
///         let error = wrong.error.expect("99 is more than 50");
///         assert_eq!(error.faults[0].path, "/limit");
///         assert_eq!(error.faults[0].problem, "99 is greater than the maximum of 50");
///         Ok(())
///     }
/// });
/// let run = Run::builder("example").with_journal(MemoryJournal::new()).open().await?;
/// run.execute(agent, ()).await?;
/// # Ok(())
/// # }
/// ```
pub fn tool_fn<A, O, F, Fut>(
    name: impl Into<Arc<str>>,
    description: impl Into<Arc<str>>,
    options: impl Into<StepOptions>,
    f: F,
) -> FnTool<F, A, O>
where
    A: JsonSchema + DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(A, StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send,
{
    FnTool { spec: ToolSpec::of::<A>(name, description, options), f, types: PhantomData }
}

/// A tool made of a closure by [`tool_fn`].
pub struct FnTool<F, A, O> {
    spec: ToolSpec,
    f: F,
    types: PhantomData<fn(A) -> O>,
}

impl<F, A, O> fmt::Debug for FnTool<F, A, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnTool")
            .field("spec", &self.spec)
            .field("arguments", &type_name::<A>())
            .field("output", &type_name::<O>())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, A, O, Fut> Tool for FnTool<F, A, O>
where
    A: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(A, StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, step: StepContext) -> Result<ToolOutput, AgentError> {
        let key = step.key().clone();
        let codec = |what| {
            let key = key.clone();
            move |error| AgentError::Codec { key, what, source: Source::new(error) }
        };
        let arguments = serde_json::from_value(arguments).map_err(codec("input"))?;
        let output = (self.f)(arguments, step).await?;
        // The work is done, and what it came to is lost: a model that was told of a failure would ask
        // for it again.
        let lost = |error| AgentError::new(Class::Indeterminate, codec("output")(error));
        Ok(serde_json::to_value(output).map_err(lost)?.into())
    }
}
