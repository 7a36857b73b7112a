//! What the program prints: tables for people, or one JSON object.

use std::io::{self, Write};
use std::time::Duration;

use maniple::context::{DelegationReport, PartReport, Route};
use serde_json::{Value, json};

use crate::command::Task;
use crate::compare::{Asked, Cut};
use crate::facts::Found;
use crate::folder::Files;
use crate::problem::Problem;

/// How many parts are shown one by one.
const SHOWN: usize = 24;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// One question.
    pub(crate) fn answer(
        self,
        task: &Task,
        files: &Files,
        asked: &Asked,
        cut: &Cut,
    ) -> Result<(), Problem> {
        if self.json {
            let mut value = as_json(task, files, &asked.report);
            value["answer"] = asked.answer.as_str().into();
            value["seconds"] = asked.wall.as_secs_f64().into();
            value["truncated"] = json!({"tokens": cut.tokens, "files": cut.files});
            return line(format_args!("{value}"));
        }
        plan(task, files, &asked.report)?;
        line(format_args!(
            "read   by specialists {} tokens, by who merges {}; cut off at the window: {} tokens of {} \
             of {} files",
            given(&asked.report),
            asked.report.after,
            cut.tokens,
            cut.files,
            files.texts.len()
        ))?;
        line(format_args!("time   {:.1?}\n", asked.wall))?;
        line(format_args!("{}", asked.answer))
    }

    /// Made-up facts, each with its question.
    pub(crate) fn facts(self, task: &Task, files: &Files, found: &[Found]) -> Result<(), Problem> {
        let Some(first) = found.first() else { return Ok(()) };
        let sum = |is_found: fn(&Found) -> bool| found.iter().filter(|one| is_found(one)).count();
        let (delegated, truncated) = (sum(|one| one.by_delegation), sum(|one| one.by_truncation));
        let wall: Duration = found.iter().map(|one| one.asked.wall).sum();
        let specialists: usize = found.iter().map(|one| given(&one.asked.report)).sum();
        let merged: usize = found.iter().map(|one| one.asked.report.after).sum();
        if self.json {
            let mut value = as_json(task, files, &first.asked.report);
            let fact = |one: &Found| {
                json!({
                    "sentence": one.fact.sentence,
                    "question": one.fact.question,
                    "path": one.fact.path,
                    "line": one.fact.line,
                    "by_delegation": one.by_delegation,
                    "by_truncation": one.by_truncation,
                    "merged_tokens": one.asked.report.after,
                })
            };
            value["facts"] = found.iter().map(fact).collect();
            value["found"] =
                json!({"of": found.len(), "by_delegation": delegated, "by_truncation": truncated});
            value["read"] = json!({"by_specialists": specialists, "by_merger": merged});
            value["seconds"] = wall.as_secs_f64().into();
            return line(format_args!("{value}"));
        }
        plan(task, files, &first.asked.report)?;
        line(format_args!("\ndelegated  truncated  fact"))?;
        for one in found {
            let Found { fact, by_delegation, by_truncation, .. } = one;
            line(format_args!(
                "{:<9}  {:<9}  {}:{} {}",
                said(*by_delegation),
                said(*by_truncation),
                fact.path,
                fact.line,
                fact.sentence
            ))?;
        }
        let of = found.len();
        line(format_args!(
            "\nfound  by delegation {delegated} of {of}, by truncation {truncated} of {of}"
        ))?;
        line(format_args!(
            "read   by specialists {specialists} tokens, by who merges {merged}, for {of} questions"
        ))?;
        line(format_args!("time   {wall:.1?}"))
    }
}

/// For people, beside what was asked for.
pub(crate) fn left_out(files: &Files) {
    for (why, paths) in &files.skipped {
        match &paths[..] {
            [only] => eprintln!("delegate: left out, {why}: {only}"),
            [first, more @ ..] => {
                eprintln!("delegate: left out, {why}: {first} and {} more", more.len());
            }
            [] => {}
        }
    }
}

/// Who reads what, and that it adds up.
fn plan(task: &Task, files: &Files, report: &DelegationReport) -> Result<(), Problem> {
    let (parts, shares) = (tokens(report), shares(report));
    line(format_args!(
        "{}: {} files, {} tokens with the question, for a window of {}",
        task.folder,
        files.texts.len(),
        report.before,
        task.window
    ))?;
    match report.route {
        Route::Delegated => {}
        Route::AsIs => return line(format_args!("plan   it is small enough as it is\n")),
        _ => return line(format_args!("plan   it is only reduced\n")),
    }
    let condensed = report.reductions.first().map_or(report.before, |reduction| reduction.after);
    if condensed < report.before {
        line(format_args!("plan   {condensed} tokens without what is said twice"))?;
    }
    line(format_args!(
        "plan   {} parts: {parts} tokens, and {} kept are {}",
        report.parts.len(),
        report.kept,
        parts + report.kept
    ))?;
    if report.excess > 0 {
        line(format_args!(
            "plan   {} tokens more are kept than the threshold permits, for nothing else can be separated",
            report.excess
        ))?;
    }
    match task.budget {
        Some(budget) => line(format_args!("plan   shares: {shares} tokens of {budget}\n"))?,
        None => line(format_args!("plan   shares: {shares} tokens, as much as is needed\n"))?,
    }
    line(format_args!(" tokens   share   given  answer  part"))?;
    for part in report.parts.iter().take(SHOWN) {
        let PartReport { name, specialty, tokens, share, given, answer, .. } = part;
        let answer = answer.unwrap_or(0);
        line(format_args!("{tokens:>7} {share:>7} {given:>7} {answer:>7}  {name} ({specialty})"))?;
    }
    if let Some(more) = report.parts.get(SHOWN..).filter(|more| !more.is_empty()) {
        let sum = |of: fn(&PartReport) -> usize| more.iter().map(of).sum::<usize>();
        line(format_args!(
            "{:>7} {:>7} {:>7} {:>7}  in {} more parts, which --json lists",
            sum(|part| part.tokens),
            sum(|part| part.share),
            sum(|part| part.given),
            sum(|part| part.answer.unwrap_or(0)),
            more.len()
        ))?;
    }
    line(format_args!(
        "{parts:>7} {shares:>7} {:>7} {:>7}  in all",
        given(report),
        report.parts.iter().filter_map(|part| part.answer).sum::<usize>()
    ))
}

fn as_json(task: &Task, files: &Files, report: &DelegationReport) -> Value {
    let part = |part: &PartReport| {
        json!({
            "name": part.name,
            "specialty": part.specialty.to_string(),
            "tokens": part.tokens,
            "share": part.share,
            "given": part.given,
            "answer": part.answer,
            "spent": part.spent,
        })
    };
    json!({
        "folder": task.folder,
        "files": files.texts.len(),
        "skipped": files.skipped,
        "window": task.window,
        "budget": task.budget,
        "route": report.route,
        "tokens": report.before,
        "condensed": report.reductions.first().map_or(report.before, |reduction| reduction.after),
        "kept": report.kept,
        "excess": report.excess,
        "merged": report.after,
        "shares": shares(report),
        "parts": report.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn tokens(report: &DelegationReport) -> usize {
    report.parts.iter().map(|part| part.tokens).sum()
}

fn shares(report: &DelegationReport) -> usize {
    report.parts.iter().map(|part| part.share).sum()
}

fn given(report: &DelegationReport) -> usize {
    report.parts.iter().map(|part| part.given).sum()
}

fn said(is_found: bool) -> &'static str {
    if is_found { "found" } else { "-" }
}

fn line(text: std::fmt::Arguments<'_>) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").map_err(|source| Problem::Print { source })
}
