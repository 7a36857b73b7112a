//! What the program is asked.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Parser;

use crate::given::{absolute, folder, folder_of};
use crate::problem::Problem;

/// Write an LLM-ready brief of a folder of code or documents for a question.
///
/// Every text file below the folder is read, except what .gitignore files name, hidden and binary
/// files, and files over 1 MiB. The passages that have most to do with the question are chosen
/// within the token budget and written with their paths and lines. No model is called.
#[derive(Debug, Parser)]
#[command(name = "brief", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 the brief was written, 1 it could not be, 2 the command is wrong."
)]
pub(crate) struct Command {
    /// The folder to read
    folder: PathBuf,
    /// The question that the brief is for
    #[arg(long, short)]
    question: String,
    /// The most tokens that the brief may have, counted with `o200k_base`
    #[arg(long, short, default_value_t = 8000, value_name = "TOKENS")]
    budget: usize,
    /// Where the brief is written, instead of the standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Keep a session in this folder: the same command goes on where it was killed, and reads again
    /// only what has changed. It holds excerpts of what was read
    #[arg(long, short, value_name = "DIR")]
    pub(crate) session: Option<PathBuf>,
    /// How many files are read at the same time [default: one for each core]
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// A command that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The folder as it was given, for people.
    pub(crate) folder: String,
    /// The folder, absolute.
    pub(crate) root: PathBuf,
    pub(crate) question: String,
    pub(crate) budget: usize,
    pub(crate) jobs: NonZeroUsize,
    /// What the program itself writes, which is no part of the folder.
    pub(crate) own: Vec<PathBuf>,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }

    /// Checks what can be known before anything is read.
    pub(crate) fn check(&self) -> Result<Task, Problem> {
        let root = folder(&self.folder)?;
        if self.budget == 0 {
            return Err(Problem::NoBudget);
        }
        if self.question.trim().is_empty() {
            return Err(Problem::NoQuestion);
        }
        if let Some(out) = &self.out {
            check_writable(out)?;
        }
        let own = [&self.out, &self.session].into_iter().flatten();
        Ok(Task {
            folder: self.folder.display().to_string(),
            root,
            question: self.question.trim().to_owned(),
            budget: self.budget,
            jobs: self.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
            own: own.map(|path| absolute(path)).collect(),
        })
    }
}

/// Finds out before the work what would be found out after it.
fn check_writable(out: &Path) -> Result<(), Problem> {
    let problem = |source| Problem::Write { path: out.to_owned(), source };
    if out.is_dir() {
        return Err(problem(io::ErrorKind::IsADirectory.into()));
    }
    folder_of(out).metadata().map_err(problem)?;
    Ok(())
}
