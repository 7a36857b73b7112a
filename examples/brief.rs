//! `brief <folder> --question "…"`: an LLM-ready brief of any folder of code or documents for a
//! question, within a token budget. No model is called.
//!
//! Prime → walk → read every file in parallel → rank → optimize to the budget → write. With
//! `--session` each file that was read is journaled, so that the same command goes on where it was
//! killed, and reads again only what has changed.

#[path = "brief/choose.rs"]
mod choose;
#[path = "brief/command.rs"]
mod command;
#[path = "given/mod.rs"]
mod given;
#[path = "brief/output.rs"]
mod output;
#[path = "brief/problem.rs"]
mod problem;
#[path = "brief/progress.rs"]
mod progress;
#[path = "brief/read.rs"]
mod read;
#[path = "brief/research.rs"]
mod research;
#[path = "brief/walk.rs"]
mod walk;

use std::process::ExitCode;
use std::sync::Arc;

use maniple::bundles::{ContextBundle, Durability, Meta, Sessions};
use maniple::core::{BaseAgent, Run};

use command::Command;
use problem::Problem;
use progress::Progress;
use research::Research;

fn main() -> ExitCode {
    let command = Command::from_arguments();
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            output::failed(&problem, command.form());
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
        .map_err(Problem::runtime)?;
    runtime.block_on(async {
        let session = match &command.session {
            Some(dir) => Some(open_session(dir, &task).await?),
            None => None,
        };
        let mut builder = Run::builder("brief");
        if let Some(session) = &session {
            // A file that is read again after a power loss costs less than a sync for each.
            builder = builder.with_journal(session.clone());
        }
        let run = builder.open().await?;
        let progress = Progress::new(command.form());
        let research = Research::new(task, run_number(&run), progress.counter());
        // Driven by hand and not executed: a run that was executed is finished, and what a file that
        // has gone for a while had left open would be closed for good.
        let cx = run.context().child(research.name());
        let written = progress.during(research.run((), &cx)).await;
        let stats = run.stats();
        if let Some(session) = session {
            session.close().await?;
        }
        output::finished(&written??, &stats, command)
    })
}

/// The session of an earlier run of the same command, or a new one.
async fn open_session(
    dir: &std::path::Path,
    task: &command::Task,
) -> Result<Arc<ContextBundle>, Problem> {
    let meta = Meta::new("brief")
        .with_label("question", task.question.as_str())
        .with_label("folder", task.root.to_string_lossy());
    let sessions = Sessions::in_dir(dir).with_durability(Durability::Buffered);
    let session = sessions.open_or_create(meta).await?;
    output::recovered(session.recovered());
    Ok(Arc::new(session))
}

/// A session that was finished before walks the folder anew; one that was not goes on with the list
/// of files that it has.
fn run_number(run: &Run) -> u64 {
    (1..u64::MAX).find(|number| !run.is_done(&research::end_of(*number))).unwrap_or(u64::MAX)
}
