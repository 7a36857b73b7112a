use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use super::arguments::{accept, shorten};
use super::cost::{DEEPEST, is_deeper};
use super::registry::Entry;
use super::response::{ToolError, ToolOutcome};
use super::{ToolOutput, ToolRegistry, ToolResponse, ToolSpec};
use crate::contain::contain;
use crate::context::RunContext;
use crate::error::{AgentError, Class, RecordedError};
use crate::event::{mark_failed, tool_span};
use crate::step::{Effect, StepContext};

/// What a model asks for. The id that the model gave the call is no part of it: it is another one in
/// each process, and answers come in the order of the calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The name of the tool, as the model wrote it.
    pub name: String,
    /// What it is called with: an object, or a text that is one in JSON.
    pub arguments: Value,
}

impl ToolCall {
    /// A call.
    pub fn new(name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self { name: name.into(), arguments: arguments.into() }
    }
}

/// What becomes of a transient failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transient {
    /// The caller is answered with it, and goes on.
    Answered,
    /// It is the caller's own, and the call may be made again.
    Returned,
}

/// How many names of tools, and how much of a wrong one, a model is told.
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

impl ToolRegistry {
    /// Calls a tool for a model, which is answered with how the call ended, be it well or not.
    ///
    /// `arguments` are a JSON object. A text is taken for the JSON that stands in it, as models send
    /// it, and an empty one, or `null`, for no arguments. They are checked against the schema before anything
    /// runs; neither they nor an output may be nested deeper than 100 levels. That there is no such
    /// tool, that the context does not permit it, or that the arguments are wrong is answered without a
    /// step, and depends on nothing but the registry, the permissions and the call: a later process
    /// that changes those changes the code, and pins that with a [version](RunContext::version).
    ///
    /// A call that is made is a [step](RunContext::step) with the tool's effect, named after the tool:
    /// its response is journaled and is what every replay answers. So are failures of the tool:
    ///
    /// | it failed | a pure or idempotent tool | a reversible or irreversible one |
    /// | --- | --- | --- |
    /// | permanently, or transiently | answered | answered |
    /// | with an effect that is indeterminate, or panicked | answered | the error; the step is in doubt |
    /// | as cancelled, suspended, parked, diverged, out of time or budget | the error | the error |
    ///
    /// A transient failure too is final once it was answered, since the model goes on from it: were the
    /// tool called again on resume, whatever followed would diverge. One that ought to be tried again
    /// is made with [`attempt`](Self::attempt). That the step has ended well means that the model can
    /// be answered; how the tool ended is in the response.
    ///
    /// A step in doubt goes to the run's [`Reconciler`](crate::Reconciler) when the run is resumed. One
    /// that knows what became of it answers with a [`ToolResponse::succeeded`].
    ///
    /// # Errors
    /// Those in the table; and as for [`step`](RunContext::step).
    ///
    /// # Cancel safety
    /// Dropped while the tool works, the step is in doubt.
    pub fn call<'a>(
        &self,
        cx: &'a RunContext,
        name: &str,
        arguments: Value,
    ) -> impl Future<Output = Result<ToolResponse, AgentError>> + Send + use<'a> {
        self.make(cx, name, arguments, Transient::Answered)
    }

    /// As [`call`](Self::call), for a call that is made again where it fails transiently: that is an
    /// error then and is no outcome, so that the next attempt, or the next process, calls the tool
    /// again.
    ///
    /// ```
    /// # use maniple_core::{AgentError, RunContext, ToolRegistry, ToolResponse};
    /// # use serde_json::json;
    /// # async fn example(tools: ToolRegistry, cx: RunContext) -> Result<ToolResponse, AgentError> {
    /// let three = 3.try_into().expect("3 is not 0");
    /// cx.attempts("forecast", three, |cx| {
    ///     let tools = tools.clone();
    ///     async move { tools.attempt(&cx, "forecast", json!({ "city": "Rome" })).await }
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    /// A transient failure of the tool; and those of [`call`](Self::call).
    ///
    /// # Cancel safety
    /// As for [`call`](Self::call).
    pub fn attempt<'a>(
        &self,
        cx: &'a RunContext,
        name: &str,
        arguments: Value,
    ) -> impl Future<Output = Result<ToolResponse, AgentError>> + Send + use<'a> {
        self.make(cx, name, arguments, Transient::Returned)
    }

    /// Makes the [calls](Self::call) that a model asks for together, `at_once` at a time, and answers
    /// them in their order.
    ///
    /// Each has a place of its own, named after its position: `/agent/calls[0]/search`. So calls of one
    /// tool may run at the same time, and each finds its own response on resume. They run within the
    /// caller's task: a tool that blocks its thread holds up the others.
    ///
    /// # Errors
    /// Where a call ends in an error, the others go on to their end and are journaled; then it is
    /// returned, [merged](AgentError::merge) where there are several.
    ///
    /// # Cancel safety
    /// Dropped, the steps of all calls in flight are in doubt, and the others keep their responses.
    pub fn call_all(
        &self,
        cx: &RunContext,
        calls: Vec<ToolCall>,
        at_once: NonZeroUsize,
    ) -> impl Future<Output = Result<Vec<ToolResponse>, AgentError>> + Send + use<> {
        // The place is taken at the call, as that of a step is.
        let (tools, place) = (self.clone(), cx.child("calls"));
        let calls: Vec<(u64, ToolCall)> = (0..).zip(calls).collect();
        async move {
            let answers = calls.into_iter().map(|(index, ToolCall { name, arguments })| {
                let (tools, place) = (tools.clone(), place.child_at(index));
                async move { (index, tools.call(&place, &name, arguments).await) }
            });
            let mut answers: Vec<_> =
                stream::iter(answers).buffer_unordered(at_once.get()).collect().await;
            answers.sort_unstable_by_key(|(index, _)| *index);
            let mut failed: Option<AgentError> = None;
            let mut responses = Vec::with_capacity(answers.len());
            for (_, answer) in answers {
                match answer {
                    Ok(response) => responses.push(response),
                    Err(error) => failed = Some(failed.map_or(error.clone(), |f| f.merge(error))),
                }
            }
            failed.map_or(Ok(responses), Err)
        }
    }

    fn make<'a>(
        &self,
        cx: &'a RunContext,
        name: &str,
        arguments: Value,
        transient: Transient,
    ) -> impl Future<Output = Result<ToolResponse, AgentError>> + Send + use<'a> {
        // The step is named here and not at the first poll, so that it depends on the order of the
        // calls alone.
        let step = self.admit(cx, name, arguments).map(|(entry, arguments)| {
            let options = entry.spec.options();
            cx.step(name, options, arguments, move |arguments, step| {
                entry.run(arguments, step, transient)
            })
        });
        async move {
            match step {
                Err(refusal) => Ok(*refusal),
                Ok(step) => match step.await {
                    // A reconciler knows that it did not happen.
                    Err(error @ AgentError::Recorded(RecordedError { class, .. }))
                        if class.is_receipt() =>
                    {
                        Ok(ToolResponse::failed(&error))
                    }
                    ended => ended,
                },
            }
        }
    }

    /// The tool and what it is called with, or what is answered without a call.
    fn admit(
        &self,
        cx: &RunContext,
        name: &str,
        arguments: Value,
    ) -> Result<(Arc<Entry>, Value), Box<ToolResponse>> {
        let permissions = self.permissions_in(cx.permissions());
        let refuse = |outcome, what: String| {
            let mut names = self.visible(&permissions).map(ToolSpec::name);
            let told = names.by_ref().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
            let text = match (told.as_str(), names.count()) {
                ("", _) => format!("{what}; there are none that can be called"),
                (told, 0) => format!("{what}; there are {told}"),
                (told, more) => format!("{what}; there are {told} and {more} more"),
            };
            Box::new(ToolResponse::not(outcome, ToolError::new(Class::Permanent, text)))
        };
        let Some(entry) = self.entry(name) else {
            let name = shorten(name.to_owned(), LONGEST_NAME);
            return Err(refuse(ToolOutcome::Unknown, format!("there is no tool {name:?}")));
        };
        if !entry.spec.is_permitted(&permissions) {
            let text = format!("the tool {name:?} may not be called here");
            return Err(refuse(ToolOutcome::NotPermitted, text));
        }
        Ok((entry.clone(), accept(entry, arguments)?))
    }
}

impl Entry {
    /// The body of the step.
    async fn run(
        self: Arc<Self>,
        arguments: Value,
        step: StepContext,
        transient: Transient,
    ) -> Result<ToolResponse, AgentError> {
        let began = Instant::now();
        let key = step.key().clone();
        let span = tool_span(step.run_id(), &key, &self.spec);
        let called = async { self.tool.call(arguments, step).await.and_then(readable) };
        let ended = contain(|| key, called).instrument(span.clone()).await;
        mark_failed(&span, &ended);
        match ended {
            Ok(output) => Ok(ToolResponse::succeeded(output).after(began.elapsed())),
            Err(error) if is_answer(&error, self.spec.effect(), transient) => {
                Ok(ToolResponse::failed(&error).after(began.elapsed()))
            }
            Err(error) => Err(error),
        }
    }
}

/// An output that can be read back from a journal. Where it cannot, the work is done all the same, and
/// only what it came to is lost.
fn readable(output: ToolOutput) -> Result<ToolOutput, AgentError> {
    let mut values = std::iter::once(&output.data).chain(output.metadata.values());
    if values.any(|value| is_deeper(value, DEEPEST)) {
        return Err(AgentError::new(Class::Indeterminate, TooDeep));
    }
    Ok(output)
}

#[derive(Debug, thiserror::Error)]
#[error("the output is nested deeper than {DEEPEST} levels")]
struct TooDeep;

/// Whether the model is answered with a failure, which is final then.
fn is_answer(error: &AgentError, effect: Effect, transient: Transient) -> bool {
    match error {
        // Mistakes in the code around the tool, which are mended.
        AgentError::NestedStep { .. }
        | AgentError::ConcurrentStep { .. }
        | AgentError::PlaceInUse { .. } => false,
        error => match error.class() {
            Class::Permanent => true,
            Class::Transient => transient == Transient::Answered,
            // What may have happened is for a reconciler to find out, unless doing it again does no
            // harm.
            Class::Indeterminate | Class::Panicked => effect.may_repeat(),
            // Those are of the run, and not of the tool.
            Class::Cancelled
            | Class::DeadlineExceeded
            | Class::BudgetExhausted
            | Class::Suspended
            | Class::Parked
            | Class::Diverged => false,
        },
    }
}
