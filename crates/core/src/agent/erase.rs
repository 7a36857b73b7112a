use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::BaseAgent;
use crate::context::RunContext;
use crate::error::{AgentError, Source};

/// An agent over JSON values.
pub(super) struct Erased<A>(pub(super) A);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A> BaseAgent for Erased<A>
where
    A: BaseAgent,
    A::Input: DeserializeOwned,
    A::Output: Serialize,
{
    type Input = Value;
    type Output = Value;

    fn name(&self) -> &str {
        self.0.name()
    }

    async fn run(&self, input: Value, cx: &RunContext) -> Result<Value, AgentError> {
        let codec = |what| {
            move |error| AgentError::Codec { key: cx.path(), what, source: Source::new(error) }
        };
        let input = serde_json::from_value(input).map_err(codec("input"))?;
        let output = self.0.run(input, cx).await?;
        serde_json::to_value(output).map_err(codec("output"))
    }
}
