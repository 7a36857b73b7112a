//! What is printed.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use maniple::context::{Handle, ReducedContext, ReducerReport, Segment};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::command::Task;
use crate::input::Context;
use crate::problem::Problem;
use crate::reduction::Reduction;

/// A reduced context as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r RawValue>,
    messages: Box<RawValue>,
    report: Report<'r>,
}

#[derive(Debug, Serialize)]
struct Report<'r> {
    encoding: &'r str,
    budget: usize,
    tokens_before: usize,
    tokens_after: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_budget: Option<usize>,
    reducers: Vec<Step<'r>>,
    dropped: Vec<&'r str>,
    shortened: Vec<&'r str>,
    /// Recalls what was dropped or shortened, by its id.
    handles: BTreeMap<&'r str, Handle>,
    markers: usize,
    marker_tokens: usize,
}

#[derive(Debug, Serialize)]
struct Step<'r> {
    name: &'r str,
    before: usize,
    after: usize,
    micros: u64,
}

impl<'r> Answer<'r> {
    pub(crate) fn of(
        id: Option<&'r RawValue>,
        context: &Context,
        reduction: &'r Reduction,
    ) -> Result<Self, Problem> {
        let json = match context {
            Context::Messages(transcript, _) => transcript.write(&reduction.reduced.segments)?,
            Context::Text(_) => as_messages(&reduction.reduced)?,
        };
        let messages = RawValue::from_string(json).map_err(|source| Problem::Json { source })?;
        let report = &reduction.reduced.report;
        let dropped = report.dropped.iter().map(|dropped| (dropped.id.as_str(), dropped.handle));
        let shortened = report.shortened.iter().map(|short| (short.id.as_str(), short.handle));
        Ok(Self {
            id,
            messages,
            report: Report {
                encoding: &report.encoding,
                budget: report.budget,
                tokens_before: report.before,
                tokens_after: report.after,
                over_budget: (reduction.excess > 0).then_some(reduction.excess),
                reducers: report.reducers.iter().map(Step::of).collect(),
                dropped: dropped.clone().map(|(id, _)| id).collect(),
                shortened: shortened.clone().map(|(id, _)| id).collect(),
                handles: dropped.chain(shortened).collect(),
                markers: report.markers.len(),
                marker_tokens: report.markers.iter().map(|marker| marker.tokens).sum(),
            },
        })
    }
}

impl<'r> Step<'r> {
    fn of(report: &'r ReducerReport) -> Self {
        Self {
            name: &report.name,
            before: report.before,
            after: report.after,
            micros: u64::try_from(report.time.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// A text as messages that hold it.
fn as_messages(reduced: &ReducedContext) -> Result<String, Problem> {
    json(&reduced.segments.iter().map(Message::of).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Message<'r> {
    id: &'r str,
    role: &'static str,
    content: &'r str,
}

impl<'r> Message<'r> {
    fn of(segment: &'r Segment) -> Self {
        Self { id: segment.id().as_str(), role: "user", content: segment.text() }
    }
}

/// The value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|source| Problem::Json { source })
}

pub(crate) fn print(context: &Context, reduction: &Reduction, task: &Task) -> Result<(), Problem> {
    let segments = &reduction.reduced.segments;
    let mut out = io::stdout().lock();
    let written = match context {
        _ if task.as_json => writeln!(out, "{}", json(&Answer::of(None, context, reduction)?)?),
        Context::Messages(transcript, _) => writeln!(out, "{}", transcript.write(segments)?),
        Context::Text(_) => {
            segments.iter().try_for_each(|segment| write!(out, "{}", segment.text()))
        }
    };
    written.and_then(|()| out.flush()).map_err(|source| Problem::Print { source })
}

/// Says something beside the output.
pub(crate) fn say(line: &str) {
    // Where nobody can be told, there is nobody to tell that either.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says beside the output what was done, and how to get back what went.
pub(crate) fn tell(context: &Context, reduction: &Reduction, task: &Task) {
    let report = &reduction.reduced.report;
    say(&format!(
        "reduce: {}: {} tokens of {} left, budget {} ({})",
        context.name(),
        report.after,
        report.before,
        report.budget,
        report.encoding
    ));
    let (reduced, without): (Vec<_>, Vec<_>) =
        report.reducers.iter().partition(|step| step.after < step.before);
    for step in reduced {
        let millis = step.time.as_secs_f64() * 1e3;
        say(&format!(
            "  {:<18} {:>9} -> {:>9}  {millis:>8.1} ms",
            step.name, step.before, step.after
        ));
    }
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(|step| &*step.name).collect();
        say(&format!("  tried, found nothing: {}", names.join(", ")));
    }
    if reduction.excess > 0 {
        say(&format!(
            "  {} tokens over the budget: no more goes without loss, so leave out --lossless",
            reduction.excess
        ));
    }
    if report.dropped.is_empty() && report.shortened.is_empty() {
        say("  nothing was dropped or shortened");
        return;
    }
    let marker_tokens: usize = report.markers.iter().map(|marker| marker.tokens).sum();
    say(&format!(
        "  dropped {}, shortened {}, markers {} ({marker_tokens} tokens)",
        report.dropped.len(),
        report.shortened.len(),
        report.markers.len(),
    ));
    say(&how_to_recall(context, reduction, task));
}

fn how_to_recall(context: &Context, reduction: &Reduction, task: &Task) -> String {
    let Some(store) = &task.store else {
        return "  what went is not kept: give --store DIR to recall it".to_owned();
    };
    let store = store.root().display();
    let report = &reduction.reduced.report;
    let dropped = report.dropped.iter().map(|dropped| dropped.handle);
    let mut handles = dropped.chain(report.shortened.iter().map(|short| short.handle));
    match (context, handles.next()) {
        (Context::Text(_), Some(whole)) => {
            format!("  to see all of it: recall {store} {}", whole.short())
        }
        _ if task.as_json => format!("  to see what went: recall {store} HANDLE, from the report"),
        _ => format!(
            "  to see what went: recall {store} HANDLE, from a marker or the report of --json"
        ),
    }
}
