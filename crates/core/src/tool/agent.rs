use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::ToolRegistry;
use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::error::AgentError;

/// A tool as an agent, made by [`ToolRegistry::agent`]: its input are the arguments, its output is the
/// data. A response that is no success is its failure, and a transient one can be
/// [attempted](ToolRegistry::attempt) again.
///
/// There is no tool made of an agent: a tool runs in a step, and an agent opens steps of its own.
#[derive(Debug, Clone)]
pub struct ToolAgent {
    tools: ToolRegistry,
    name: Arc<str>,
}

impl ToolAgent {
    pub(super) fn new(tools: ToolRegistry, name: Arc<str>) -> Self {
        Self { tools, name }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BaseAgent for ToolAgent {
    type Input = Value;
    type Output = Value;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: Value, cx: &RunContext) -> Result<Value, AgentError> {
        self.tools.attempt(cx, &self.name, input).await?.into_result()
    }
}
