//! `consensus <folder>`: which programming language is this folder mainly written in, as several
//! judges see it that look at different things.
//!
//! Some look at names and sizes and are quick, others read every file. They share one walk of the
//! folder, and are asked at the same time. More than half have to agree (or `--quorum K`, `--first K`,
//! `--best`, `--within SECONDS`), and when they do, whoever still reads is stopped: what it had not read
//! by then is printed. `--all` lets all of them go on to the end, for comparison.
//!
//! With `--session` the answers and who counts are journaled: killed at any point, the same command
//! about the same files goes on, and who has won stays the same. A folder that has changed is another
//! question.
//!
//! ```console
//! $ cargo run --release -p examples --example consensus -- .
//! $ cargo run --release -p examples --example consensus -- . --judges words,lines,files --first 1
//! ```

#[path = "consensus/command.rs"]
mod command;
#[path = "consensus/desk.rs"]
mod desk;
#[path = "consensus/evidence.rs"]
mod evidence;
#[path = "given/mod.rs"]
mod given;
#[path = "consensus/judge.rs"]
mod judge;
#[path = "consensus/language.rs"]
mod language;
#[path = "consensus/output.rs"]
mod output;
#[path = "consensus/problem.rs"]
mod problem;
#[path = "consensus/verdict.rs"]
mod verdict;
#[path = "consensus/walk.rs"]
mod walk;

use std::panic::resume_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use maniple::bundles::{ContextBundle, Durability, Meta, Sessions};
use maniple::core::Run;

use command::{Command, Rule, Task};
use desk::Desk;
use output::Output;
use problem::Problem;
use verdict::ask;
use walk::{Folder, Walked, walk};

fn main() -> ExitCode {
    let command = Command::from_arguments();
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print { source }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("consensus: {problem}");
            problem.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), Problem> {
    let task = command.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(task.jobs.get())
        .max_blocking_threads(task.jobs.get())
        .enable_time()
        .build()
        .map_err(|source| Problem::Runtime { source })?;
    runtime.block_on(async {
        let session = match &task.session {
            Some(dir) => Some(open_session(dir, &task).await?),
            None => None,
        };
        let judged = judge(&task, session.clone(), Output::new(command.json)).await;
        if let Some(session) = session {
            session.close().await?;
        }
        judged
    })
}

async fn judge(
    task: &Task,
    session: Option<Arc<ContextBundle>>,
    out: Output,
) -> Result<(), Problem> {
    let folder = list(task).await?;
    let mut builder = Run::builder("consensus");
    if let Some(session) = session {
        builder = builder.with_journal(session);
    }
    let run = builder.open().await?;
    // Driven by hand and not executed, because such a run is never finished: next time the folder
    // may hold something else.
    let cx = run.context().child("consensus").child_at(folder.name().as_str());
    let desk = Desk::new(&folder, &task.seats);
    let began = Instant::now();
    let mut tell = |seat, opinion: &_| out.answer(seat, opinion, began.elapsed());
    let verdict = ask(task, task.rule, folder.clone(), &desk, &cx, &mut tell).await?;
    out.verdict(&verdict, &desk, run.stats().branches_replayed)?;
    if task.all {
        let run = Run::builder("all").open().await?;
        let desk = Desk::new(&folder, &task.seats);
        let all = ask(task, Rule::Best, folder, &desk, &run.context(), &mut |_, _| Ok(())).await?;
        out.all(&all, &desk, &verdict)?;
    }
    verdict.language.map(drop)
}

/// What every judge is asked about.
async fn list(task: &Task) -> Result<Folder, Problem> {
    let (root, own) = (task.root.clone(), task.session.clone());
    let walking = tokio::task::spawn_blocking(move || walk(&root, own.as_deref())).await;
    let walked = walking.unwrap_or_else(|error| resume_unwind(error.into_panic()));
    let walked: Walked = walked.map_err(Problem::Name)?;
    output::left_out(&walked);
    match walked.unreadable.first() {
        Some(why) if walked.folder.files.is_empty() => {
            Err(Problem::NothingReadable { why: why.clone() })
        }
        _ => Ok(walked.folder),
    }
}

/// The session of an earlier run of the same command, or a new one.
async fn open_session(dir: &Path, task: &Task) -> Result<Arc<ContextBundle>, Problem> {
    let judges: Vec<_> = task.seats.iter().map(|seat| seat.judge.name()).collect();
    let meta = Meta::new("consensus")
        .with_label("folder", task.root.to_string_lossy())
        .with_label("rule", task.rule.to_string())
        .with_label("judges", judges.join(","));
    // What is judged again after a power loss costs less than a sync for each answer.
    let sessions = Sessions::in_dir(dir).with_durability(Durability::Buffered);
    let session = sessions.open_or_create(meta).await?;
    output::recovered(session.recovered());
    Ok(Arc::new(session))
}
