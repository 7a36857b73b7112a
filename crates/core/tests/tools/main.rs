//! Tools: what is registered, what a model is told, what becomes of its calls.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod calls;
mod failures;
mod journaled;
mod registered;
mod shapes;
mod together;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use maniple_core::{
    AgentError, Effect, MemoryJournal, StepContext, Tool, ToolOutput, ToolRegistry, ToolSpec,
};
use schemars::Schema;
use serde_json::{Value, json};

/// Counts how often the bodies of tools ran.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// The number of this call, from 1.
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// A tool that answers as it is told, given the number of the call.
struct Scripted<F> {
    spec: ToolSpec,
    calls: Calls,
    answer: F,
}

impl<F> fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("spec", &self.spec).finish_non_exhaustive()
    }
}

#[async_trait]
impl<F> Tool for Scripted<F>
where
    F: Fn(usize, Value) -> Result<ToolOutput, AgentError> + Send + Sync + 'static,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, _: StepContext) -> Result<ToolOutput, AgentError> {
        (self.answer)(self.calls.next(), arguments)
    }
}

fn schema(schema: Value) -> Schema {
    Schema::try_from(schema).expect("it is an object")
}

fn any_object() -> Schema {
    schema(json!({ "type": "object" }))
}

fn scripted<F>(name: &str, effect: Effect, calls: &Calls, answer: F) -> Scripted<F>
where
    F: Fn(usize, Value) -> Result<ToolOutput, AgentError> + Send + Sync + 'static,
{
    let spec = ToolSpec::new(name, "Answers as it is told.", any_object(), effect);
    Scripted { spec, calls: calls.clone(), answer }
}

fn only(tool: impl Tool) -> ToolRegistry {
    ToolRegistry::builder().with(tool).build().expect("the tool can be registered")
}

/// The journal as it is where the process dies after so many records.
fn prefix(journal: &MemoryJournal, records: usize) -> MemoryJournal {
    journal.records().into_iter().take(records).collect()
}
