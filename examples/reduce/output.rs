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
    let messages: Vec<Message<'_>> = reduced.segments.iter().map(Message::of).collect();
    serde_json::to_string(&messages).map_err(|source| Problem::Json { source })
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

pub(crate) fn print(context: &Context, reduction: &Reduction, task: &Task) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    let written = match context {
        _ if task.as_json => {
            let answer = Answer::of(None, context, reduction)?;
            let json = serde_json::to_string(&answer).map_err(|source| Problem::Json { source })?;
            writeln!(out, "{json}")
        }
        Context::Messages(transcript, _) => {
            writeln!(out, "{}", transcript.write(&reduction.reduced.segments)?)
        }
        Context::Text(_) => reduction
            .reduced
            .segments
            .iter()
            .try_for_each(|segment| write!(out, "{}", segment.text())),
    };
    written.and_then(|()| out.flush()).map_err(|source| Problem::Print { source })
}

/// Says beside the output what was done.
pub(crate) fn tell(reduction: &Reduction) {
    let report = &reduction.reduced.report;
    eprintln!(
        "reduce: {} tokens of {} left, budget {} ({})",
        report.after, report.before, report.budget, report.encoding
    );
    for step in &report.reducers {
        eprintln!("  {:<18} {:>9} -> {:>9}  {:?}", step.name, step.before, step.after, step.time);
    }
    eprintln!(
        "  dropped {}, shortened {}, markers {}",
        report.dropped.len(),
        report.shortened.len(),
        report.markers.len()
    );
    if reduction.excess > 0 {
        eprintln!(
            "  {} tokens over the budget: nothing more goes without loss, so leave out --lossless",
            reduction.excess
        );
    }
}
