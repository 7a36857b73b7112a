//! `delegate <folder> --question "…" --window 8000`: a question about a folder that is more than a
//! window holds. No model is called.
//!
//! Above a threshold of the window, parts of the folder are read by specialists, each within its share
//! of a budget. They answer with the passages that are worth most for the question, and their answers
//! are merged within the window. Beside it stands what is usual: the beginning of the files, cut off at
//! the window.
//!
//! `--plant` shows what that is worth. It puts made-up facts into the files, in memory only, asks for
//! each of them, and prints which are found, both ways.
//!
//! ```console
//! $ cargo run --release -p examples --example delegate -- . --question "how is a step replayed?"
//! $ cargo run --release -p examples --example delegate -- . --plant 12
//! ```

#[path = "delegate/command.rs"]
mod command;
#[path = "delegate/compare.rs"]
mod compare;
#[path = "delegate/facts.rs"]
mod facts;
#[path = "delegate/folder.rs"]
mod folder;
#[path = "given/mod.rs"]
#[expect(dead_code, reason = "this program writes no file")]
mod given;
#[path = "delegate/output.rs"]
mod output;
#[path = "delegate/problem.rs"]
mod problem;
#[path = "delegate/specialist.rs"]
mod specialist;

use std::process::ExitCode;

use command::{Command, Wanted};
use compare::{asker, truncate};
use facts::{Found, plant};
use folder::read;
use output::Output;
use problem::Problem;

fn main() -> ExitCode {
    let command = Command::from_arguments();
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print { source }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("delegate: {problem}");
            problem.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), Problem> {
    let task = command.check()?;
    let mut files = read(&task.root);
    output::left_out(&files);
    if files.texts.is_empty() {
        return Err(Problem::Empty { folder: task.folder, skipped: files.summary() });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(task.jobs.get())
        .max_blocking_threads(task.jobs.get())
        .enable_time()
        .build()
        .map_err(|source| Problem::Runtime { source })?;
    let out = Output::new(command.json);
    match &task.wanted {
        Wanted::Answer { question } => {
            let desk = asker(&task, &files)?;
            let asked = runtime.block_on(desk.ask(question))?;
            let cut = truncate(&files, question, task.window);
            out.answer(&task, &files, &asked, &cut)
        }
        Wanted::Facts { number, seed } => {
            let facts = plant(&mut files.texts, *number, *seed);
            let desk = asker(&task, &files)?;
            let mut found = Vec::with_capacity(facts.len());
            for fact in facts {
                let asked = runtime.block_on(desk.ask(&fact.question))?;
                let cut = truncate(&files, &fact.question, task.window);
                found.push(Found::new(fact, asked, &cut));
            }
            out.facts(&task, &files, &found)
        }
    }
}
