//! What the program prints.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use maniple::core::{AgentEvent, EventKind, Key};
use maniple::orchestration::{ParkedStep, StepStatus, Stuck};

use super::fault::Shown;
use super::problem::Problem;
use super::release::Release;
use super::target::{Link, Target};

/// A line on the standard output, seen at once.
pub(crate) fn line(what: fmt::Arguments<'_>) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{what}").and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|source| Problem::Print { source }),
    }
}

pub(crate) fn begins(release: &Release, target: &Path, how: &str) -> Result<(), Problem> {
    let Release { number, folder, from, .. } = release;
    let from = Shown(*from);
    let target = target.display();
    line(format_args!("release {number} of {folder} into {target}, which shows {from}: {how}"))
}

/// What an event of the run says of a step, if it does.
pub(crate) fn event(event: &AgentEvent) -> Result<(), Problem> {
    let Some((step, is_undo)) = step_of(&event.path) else { return Ok(()) };
    let (what, took, why) = match (&event.kind, is_undo) {
        (EventKind::StepFinished { error: None, took, .. }, false) => ("done", Some(took), None),
        (EventKind::StepFinished { error: None, took, .. }, true) => {
            ("taken back", Some(took), None)
        }
        (EventKind::StepFinished { error: Some(error), took, .. }, false) => {
            ("failed", Some(took), Some(&error.text))
        }
        (EventKind::StepFinished { error: Some(error), took, .. }, true) => {
            ("not taken back", Some(took), Some(&error.text))
        }
        (EventKind::Replayed, false) => ("done before", None, None),
        (EventKind::Replayed, true) => ("taken back before", None, None),
        (EventKind::InDoubt { .. }, false) => ("was interrupted", None, None),
        (EventKind::InDoubt { .. }, true) => ("undo was interrupted", None, None),
        _ => return Ok(()),
    };
    let took = took.map_or(String::new(), seconds);
    match why {
        Some(why) => line(format_args!("  {what:<20} {step:<8} {took:>10}  {why}")),
        None => line(format_args!("{}", format!("  {what:<20} {step:<8} {took:>10}").trim_end())),
    }
}

/// The step of a key, and whether it is that of taking it back.
fn step_of(key: &Key) -> Option<(&str, bool)> {
    let (before, rest) = key.as_str().split_once('[')?;
    let (step, _) = rest.split_once(']')?;
    Some((step, before.ends_with("/undo")))
}

pub(crate) fn seconds(time: &Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// What the links of a target show.
pub(crate) fn links(target: &Target) -> Result<String, Problem> {
    let current = Shown(target.shown(Link::Current)?);
    let previous = Shown(target.shown(Link::Previous)?);
    Ok(format!("current shows {current}, previous shows {previous}"))
}

pub(crate) fn status(release: &Release, steps: &[StepStatus]) -> Result<(), Problem> {
    let Release { number, folder, .. } = release;
    line(format_args!("release {number} of {folder} has not finished"))?;
    steps.iter().try_for_each(|status| {
        line(format_args!("  {:<20} {}", status.state.to_string(), status.step))
    })
}

/// What a person is asked.
pub(crate) fn parked(step: &ParkedStep) -> Result<(), Problem> {
    let ParkedStep { step, stuck, reason, .. } = step;
    let what = match stuck {
        Stuck::Action => "may have happened, and cannot be taken back",
        _ => "is not taken back",
    };
    line(format_args!("{step} {what}: {reason}"))
}

/// What a person can say.
pub(crate) fn decisions(step: &str) -> String {
    format!("--retry {step}, --skip {step} or --resolve {step} [JSON]")
}
