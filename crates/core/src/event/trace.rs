use tracing::{Level, Span, debug_span, field};

use super::{AgentEvent, EventKind, EventSink};
use crate::budget::Budget;
use crate::context::RunContext;
use crate::error::{AgentError, Class};
use crate::identity::{Key, RunId};
use crate::policy::BreakerState;
use crate::step::Effect;
#[cfg(feature = "tools")]
use crate::tool::ToolSpec;

/// Tells the events of a run through `tracing`, under the target `maniple`.
///
/// What *takes time* is not told here: the run itself opens a span around every agent
/// (`invoke_agent`), around the body of every step (`step`), and in that around every tool
/// (`execute_tool`), at the level `DEBUG`, whether there is a sink or not. Only so does what the host's own code logs and traces stand inside of them. This
/// sink adds what *happens* in between, as one event each, inside the span that it happens in. Failures,
/// retries, timeouts, fallbacks, breakers that open, steps in doubt, low budgets and zombies are at `WARN`, all else is at `DEBUG`.
///
/// Names are those of OpenTelemetry's conventions for GenAI (as of 2026, where they are still in
/// development) where one means the same, and begin with `maniple.` where none does:
///
/// | name | on | it is |
/// | --- | --- | --- |
/// | `gen_ai.operation.name` | span | `invoke_agent` or `execute_tool` |
/// | `gen_ai.agent.name` | span | the agent's name, where its context was named and not numbered |
/// | `gen_ai.tool.name`, `.description`, `.type` | span | the tool's name, and what a model is told of it; `function` |
/// | `error.type` | both | the [`Class`] of the failure, as `deadline_exceeded`; not for what waits for a signal |
/// | `exception.message` | event | the failure's text, only [with texts](Self::with_texts) |
/// | `maniple.run.id`, `maniple.path` | both | the run, and the context or step |
/// | `maniple.step.effect` | both | the [`Effect`] of a step |
/// | `maniple.step.duration` | event | how long the body ran, in seconds |
/// | `maniple.usage.tokens`, `.cost_micros`, `.calls` | both | what a step used; an unlimited amount is left out |
/// | `maniple.remaining.tokens`, `.cost_micros`, `.calls` | event | what remains when a budget runs low |
/// | `maniple.event` | event | the kind, as in JSON |
/// | `maniple.sequence` | event | [`AgentEvent::sequence`] |
/// | `maniple.attempt`, `maniple.zombies` | event | how many |
/// | `maniple.timeout` | event | how long an agent had, in seconds |
/// | `maniple.breaker.name`, `maniple.breaker.state` | event | a breaker that changed |
/// | `maniple.progress.done`, `.total`, `.message` | event | [`Progress`](crate::Progress); the message only [with texts](Self::with_texts) |
/// | `maniple.run.name`, `maniple.journal.records` | event | of the opening |
/// | `otel.name`, `otel.status_code` | span | what `tracing-opentelemetry` makes the span's name and status of |
///
/// Tokens are not split, so there is no `gen_ai.usage.input_tokens`; which provider is behind an agent
/// is not known here, nor is the id that a model gave the call of a tool.
///
/// Inputs and outputs are never told. The texts of errors and of progress may quote them, so those
/// are left out too, unless the host asks for them.
#[derive(Debug, Clone, Default)]
pub struct TracingSink {
    texts: Texts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Texts {
    #[default]
    LeftOut,
    Told,
}

impl TracingSink {
    /// A sink that tells no text of an agent.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the texts of errors and of progress too. They are the agents' own, and may hold what
    /// they work on.
    pub fn with_texts(mut self) -> Self {
        self.texts = Texts::Told;
        self
    }
}

#[deny(clippy::missing_trait_methods)]
impl EventSink for TracingSink {
    fn event(&self, event: &AgentEvent) {
        let told = Fields::of(&event.kind);
        let text = |text| if self.texts == Texts::Told { text } else { None };
        macro_rules! tell {
            ($level:ident) => {
                tracing::event!(target: "maniple", Level::$level, {
                    "maniple.event" = told.name,
                    "maniple.run.id" = event.run.as_str(),
                    "maniple.path" = %event.path,
                    "maniple.sequence" = event.sequence,
                    "error.type" = told.failure.map(|(class, _)| class),
                    "exception.message" = text(told.failure.map(|(_, text)| text)),
                    "maniple.step.effect" = told.effect.map(field::display),
                    "maniple.step.duration" = told.seconds,
                    "maniple.usage.tokens" = told.used.and_then(|used| limited(used.tokens)),
                    "maniple.usage.cost_micros" = told.used.and_then(|used| limited(used.cost_micros)),
                    "maniple.usage.calls" = told.used.and_then(|used| limited(used.calls)),
                    "maniple.remaining.tokens" = told.left.and_then(|left| limited(left.tokens)),
                    "maniple.remaining.cost_micros" = told.left.and_then(|left| limited(left.cost_micros)),
                    "maniple.remaining.calls" = told.left.and_then(|left| limited(left.calls)),
                    "maniple.attempt" = told.attempt,
                    "maniple.timeout" = told.timeout,
                    "maniple.breaker.name" = told.breaker.map(|(name, _)| name),
                    "maniple.breaker.state" = told.breaker.map(|(_, state)| state),
                    "maniple.zombies" = told.zombies,
                    "maniple.progress.done" = told.done,
                    "maniple.progress.total" = told.total,
                    "maniple.progress.message" = text(told.message),
                    "maniple.run.name" = told.run_name,
                    "maniple.journal.records" = told.records,
                })
            };
        }
        if told.is_trouble { tell!(WARN) } else { tell!(DEBUG) }
    }
}

/// The fields of an event; what it does not have is not told.
#[derive(Default)]
struct Fields<'a> {
    name: &'static str,
    is_trouble: bool,
    /// The class and the text.
    failure: Option<(&'static str, &'a str)>,
    effect: Option<Effect>,
    seconds: Option<f64>,
    used: Option<Budget>,
    left: Option<Budget>,
    attempt: Option<u32>,
    timeout: Option<f64>,
    /// The name and the state.
    breaker: Option<(&'a str, &'static str)>,
    zombies: Option<usize>,
    done: Option<u64>,
    total: Option<u64>,
    message: Option<&'a str>,
    run_name: Option<&'a str>,
    records: Option<u64>,
}

impl<'a> Fields<'a> {
    fn of(kind: &'a EventKind) -> Self {
        let named = |name| Self { name, ..Self::default() };
        let trouble = |name| Self { name, is_trouble: true, ..Self::default() };
        match kind {
            EventKind::Opened { name, records } => {
                Self { run_name: Some(name), records: Some(*records), ..named("opened") }
            }
            EventKind::Started => named("started"),
            EventKind::Finished { error } => {
                let error = error.as_ref().map(|error| (error.class, &*error.text));
                named("finished").ended(error)
            }
            EventKind::StepStarted { effect } => {
                Self { effect: Some(*effect), ..named("step_started") }
            }
            EventKind::StepFinished { error, took, spent } => {
                let error = error.as_ref().map(|error| (error.class, &*error.text));
                let (seconds, used) = (Some(took.as_secs_f64()), Some(*spent));
                Self { seconds, used, ..named("step_finished") }.ended(error)
            }
            EventKind::Replayed => named("replayed"),
            EventKind::InDoubt { effect } => Self { effect: Some(*effect), ..trouble("in_doubt") },
            EventKind::Retried { attempt, error } => {
                let told = Self { attempt: Some(*attempt), ..trouble("retried") };
                told.ended(Some((error.class, &*error.text)))
            }
            EventKind::TimedOut { after } => {
                Self { timeout: Some(after.as_secs_f64()), ..trouble("timed_out") }
            }
            EventKind::FellBack { error } => {
                trouble("fell_back").ended(Some((error.class, &*error.text)))
            }
            EventKind::BreakerChanged { breaker, state } => Self {
                breaker: Some((breaker, state.as_str())),
                is_trouble: *state == BreakerState::Open,
                ..named("breaker_changed")
            },
            EventKind::Progress(progress) => Self {
                done: Some(progress.done),
                total: progress.total,
                message: Some(&progress.message),
                ..named("progress")
            },
            EventKind::BudgetLow { remaining } => {
                Self { left: Some(*remaining), ..trouble("budget_low") }
            }
            EventKind::Suspended => named("suspended"),
            EventKind::Zombies { tasks } => Self { zombies: Some(*tasks), ..trouble("zombies") },
        }
    }

    fn ended(self, error: Option<(Class, &'a str)>) -> Self {
        let failure = error.filter(|(class, _)| *class != Class::Suspended);
        let is_trouble = failure.is_some_and(|(class, _)| class != Class::Cancelled);
        Self { failure: failure.map(|(class, text)| (error_type(class), text)), is_trouble, ..self }
    }
}

/// The span of an agent.
pub(crate) fn agent_span(cx: &RunContext) -> Span {
    debug_span!(
        target: "maniple",
        "invoke_agent",
        "gen_ai.operation.name" = "invoke_agent",
        "gen_ai.agent.name" = cx.node.name(),
        "maniple.run.id" = cx.run_id().as_str(),
        "maniple.path" = %cx.node.path(),
        "otel.name" = cx.node.name().map(|name| format!("invoke_agent {name}")),
        "otel.status_code" = field::Empty,
        "error.type" = field::Empty,
    )
}

/// The span of the body of a step.
pub(crate) fn step_span(run: &RunId, key: &Key, effect: Effect) -> Span {
    debug_span!(
        target: "maniple",
        "step",
        "maniple.run.id" = run.as_str(),
        "maniple.path" = %key,
        "maniple.step.effect" = %effect,
        "maniple.usage.tokens" = field::Empty,
        "maniple.usage.cost_micros" = field::Empty,
        "maniple.usage.calls" = field::Empty,
        "otel.status_code" = field::Empty,
        "error.type" = field::Empty,
    )
}

/// The span of a tool at work.
#[cfg(feature = "tools")]
pub(crate) fn tool_span(run: &RunId, key: &Key, tool: &ToolSpec) -> Span {
    let name = tool.name();
    debug_span!(
        target: "maniple",
        "execute_tool",
        "gen_ai.operation.name" = "execute_tool",
        "gen_ai.tool.name" = name,
        "gen_ai.tool.description" = tool.description(),
        "gen_ai.tool.type" = "function",
        "maniple.run.id" = run.as_str(),
        "maniple.path" = %key,
        "otel.name" = format!("execute_tool {name}"),
        "otel.status_code" = field::Empty,
        "error.type" = field::Empty,
    )
}

/// Says how the work in a span ended.
pub(crate) fn mark_failed<T>(span: &Span, result: &Result<T, AgentError>) {
    if let Err(error) = result
        && error.class() != Class::Suspended
    {
        span.record("error.type", error_type(error.class()));
        span.record("otel.status_code", "ERROR");
    }
}

/// Says what the work in a span used.
pub(crate) fn mark_used(span: &Span, used: Budget) {
    span.record("maniple.usage.tokens", limited(used.tokens));
    span.record("maniple.usage.cost_micros", limited(used.cost_micros));
    span.record("maniple.usage.calls", limited(used.calls));
}

/// An amount, unless it is without a limit and so no amount.
fn limited(amount: u64) -> Option<u64> {
    (amount != u64::MAX).then_some(amount)
}

/// As in JSON: few values, and none with a space.
fn error_type(class: Class) -> &'static str {
    match class {
        Class::Transient => "transient",
        Class::Permanent => "permanent",
        Class::Indeterminate => "indeterminate",
        Class::Cancelled => "cancelled",
        Class::DeadlineExceeded => "deadline_exceeded",
        Class::BudgetExhausted => "budget_exhausted",
        Class::Panicked => "panicked",
        Class::Suspended => "suspended",
        Class::Parked => "parked",
        Class::Diverged => "diverged",
    }
}
