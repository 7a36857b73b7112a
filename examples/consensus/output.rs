//! What the program prints: a table for people, or a JSON value a line.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use maniple::bundles::Recovery;
use serde_json::{Value, json};

use crate::desk::{Desk, Unread};
use crate::judge::{Opinion, Seat};
use crate::language::Language;
use crate::problem::Problem;
use crate::verdict::Verdict;
use crate::walk::Walked;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// An answer that counts, as it arrives.
    pub(crate) fn answer(
        self,
        seat: Seat,
        opinion: &Opinion,
        after: Duration,
    ) -> Result<(), Problem> {
        let Opinion { language, weight, of, unreadable } = opinion;
        let (confidence, weighs) = (opinion.confidence(), seat.judge.weighs());
        if self.json {
            return print(&json!({"answer": {
                "judge": seat.judge.name(),
                "language": language,
                "confidence": confidence,
                "weight": weight,
                "of": of,
                "weighs": weighs,
                "unreadable_files": unreadable,
                "after_micros": micros(after),
            }}));
        }
        let share = confidence * 100.0;
        line(format_args!(
            "{seat:<10} {language:<10} {share:>5.1} %  {weight} of {of} {weighs}, after {after:.1?}"
        ))?;
        match unreadable {
            0 => Ok(()),
            files => line(format_args!("{:<10} could not read {files} files", "")),
        }
    }

    /// `replayed` is how many answers the session had.
    pub(crate) fn verdict(
        self,
        verdict: &Verdict,
        desk: &Desk,
        replayed: u64,
    ) -> Result<(), Problem> {
        if self.json {
            return print(&json!({"verdict": as_json(verdict, desk, replayed)}));
        }
        let Verdict { language, failed, stopped, not_begun, wall, .. } = verdict;
        let (agreed, dissented) = sides(verdict);
        line(format_args!(""))?;
        match language {
            Ok(language) => line(format_args!(
                "{language}: {} of {} judges agree, after {wall:.1?}",
                agreed.len(),
                judges(verdict)
            ))?,
            Err(_) => line(format_args!("no verdict, after {wall:.1?}"))?,
        }
        if !agreed.is_empty() {
            let names: Vec<_> = agreed.iter().map(ToString::to_string).collect();
            line(format_args!("  agreed     {}", names.join(", ")))?;
        }
        let others = if language.is_ok() { "dissented" } else { "answered" };
        for (seat, language) in &dissented {
            line(format_args!("  {others:<10} {seat}: {language}"))?;
        }
        for (seat, why) in failed {
            line(format_args!("  failed     {seat}: {why}"))?;
        }
        for (what, seats) in [("stopped", stopped), ("not begun", not_begun)] {
            for seat in seats {
                match desk.unread(seat.judge) {
                    Unread { of: 0, .. } => {
                        line(format_args!("  {what:<10} {seat}: it reads no file"))?;
                    }
                    Unread { files, bytes, of } => line(format_args!(
                        "  {what:<10} {seat}: {files} of the {of} files that it reads were left unread, \
                         {bytes} bytes"
                    ))?,
                }
            }
        }
        match replayed {
            0 => Ok(()),
            answers => line(format_args!(
                "  {answers} judges are replayed from the session, and have read nothing again"
            )),
        }
    }

    /// All judges, beside the verdict.
    pub(crate) fn all(self, all: &Verdict, desk: &Desk, verdict: &Verdict) -> Result<(), Problem> {
        if self.json {
            return print(&json!({"all": as_json(all, desk, 0)}));
        }
        let mut said: BTreeMap<Language, usize> = BTreeMap::new();
        for opinion in all.answers.values() {
            *said.entry(opinion.language).or_default() += 1;
        }
        let said: Vec<_> = said.iter().map(|(language, n)| format!("{n} {language}")).collect();
        line(format_args!(
            "  all {} judges, with the files in memory from before: {:.1?}, the verdict took {:.1?}; \
             {}, {} failed",
            judges(all),
            all.wall,
            verdict.wall,
            if said.is_empty() { "0 answers".to_owned() } else { said.join(", ") },
            all.failed.len(),
        ))
    }
}

/// For people, beside what was asked for.
pub(crate) fn left_out(walked: &Walked) {
    for why in &walked.unreadable {
        eprintln!("consensus: left out: {why}");
    }
    if walked.left_out > 0 {
        eprintln!(
            "consensus: left out: {} files that are over 1 MiB, or have names that are not UTF-8",
            walked.left_out
        );
    }
}

/// Says what opening the session has erased: the last record of a process that was killed in the
/// middle of it.
pub(crate) fn recovered(recovery: Option<Recovery>) {
    if let Some(Recovery { seq, erased_bytes, .. }) = recovery {
        eprintln!(
            "consensus: the session ended in the middle of action {seq}: {erased_bytes} bytes erased"
        );
    }
}

/// Those that say what the verdict says, and the others with what they say.
fn sides(verdict: &Verdict) -> (Vec<Seat>, Vec<(Seat, Language)>) {
    let language = verdict.language.as_ref().ok();
    let (agreed, dissented): (Vec<_>, Vec<_>) = verdict
        .answers
        .iter()
        .map(|(seat, opinion)| (*seat, opinion.language))
        .partition(|(_, said)| Some(said) == language);
    (agreed.into_iter().map(|(seat, _)| seat).collect(), dissented)
}

fn judges(verdict: &Verdict) -> usize {
    let Verdict { answers, failed, stopped, not_begun, .. } = verdict;
    answers.len() + failed.len() + stopped.len() + not_begun.len()
}

fn as_json(verdict: &Verdict, desk: &Desk, replayed: u64) -> Value {
    let (agreed, dissented) = sides(verdict);
    let names = |seats: &[Seat]| seats.iter().map(|seat| seat.judge.name()).collect::<Vec<_>>();
    let unread = |seats: &[Seat]| {
        let unread = seats.iter().map(|seat| {
            let Unread { files, bytes, of } = desk.unread(seat.judge);
            let unread = json!({"unread_files": files, "unread_bytes": bytes, "of_files": of});
            (seat.judge.name(), unread)
        });
        unread.collect::<BTreeMap<_, _>>()
    };
    let dissented = dissented.iter().map(|(seat, language)| (seat.judge.name(), language));
    let failed = verdict.failed.iter().map(|(seat, why)| (seat.judge.name(), why));
    json!({
        "language": verdict.language.as_ref().ok(),
        "problem": verdict.language.as_ref().err().map(ToString::to_string),
        "agreed": names(&agreed),
        "dissented": dissented.collect::<BTreeMap<_, _>>(),
        "failed": failed.collect::<BTreeMap<_, _>>(),
        "stopped": unread(&verdict.stopped),
        "not_begun": unread(&verdict.not_begun),
        "replayed": replayed,
        "wall_micros": micros(verdict.wall),
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn print(value: &Value) -> Result<(), Problem> {
    line(format_args!("{value}"))
}

/// Standard output is flushed by the line, so that a verdict is seen before what comes after it.
fn line(text: std::fmt::Arguments<'_>) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").map_err(|source| Problem::Print { source })
}
