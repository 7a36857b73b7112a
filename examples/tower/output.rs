//! What the program prints.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::Outcome;
use crate::command::Command;

/// What became of the requests. All times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    requests: usize,
    served: usize,
    shed: usize,
    timed_out: usize,
    /// Of those that timed out: the agent was at work on them.
    timed_out_at_work: u64,
    /// Of those that were served: the fastest, the one in the middle and the slowest.
    answered_after: Option<[u64; 3]>,
    took: u64,
}

impl Report {
    pub(crate) fn new(answers: &[(Outcome, Duration)], left: u64, took: Duration) -> Self {
        let count = |outcome| answers.iter().filter(|(found, _)| *found == outcome).count();
        let served = answers.iter().filter(|(outcome, _)| *outcome == Outcome::Served);
        let mut times: Vec<u64> = served.map(|(_, after)| millis(*after)).collect();
        times.sort_unstable();
        let answered_after = match times[..] {
            [] => None,
            [first, .., last] => Some([first, times[times.len() / 2], last]),
            [only] => Some([only; 3]),
        };
        Self {
            requests: answers.len(),
            served: times.len(),
            shed: count(Outcome::Shed),
            timed_out: count(Outcome::TimedOut),
            timed_out_at_work: left,
            answered_after,
            took: millis(took),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn print(command: &Command, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if command.json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
        return out.flush();
    }
    let row = |many: usize| format!("{many:>8} {:>4} %", many * 100 / report.requests.max(1));
    writeln!(out, "{}", command.describe())?;
    write!(out, "served    {}", row(report.served))?;
    if let Some([fastest, median, slowest]) = report.answered_after {
        write!(out, "   after {fastest} ms, {median} ms in the middle, {slowest} ms at most")?;
    }
    writeln!(out, "\nshed      {}   sent away at once", row(report.shed))?;
    let waiting =
        u64::try_from(report.timed_out).unwrap_or(0).saturating_sub(report.timed_out_at_work);
    writeln!(
        out,
        "timed out {}   {waiting} still waiting, {} at work, which was for nothing",
        row(report.timed_out),
        report.timed_out_at_work
    )?;
    writeln!(out, "{} ms in all", report.took)?;
    out.flush()
}
