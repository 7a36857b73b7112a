//! What the program is asked.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Parser;

use crate::given::folder;
use crate::problem::Problem;

/// Ask something about a folder that is more than a window holds, with parts of it read by others.
///
/// Every text file below the folder is read, except what .gitignore files name, hidden and binary
/// files, and files over 1 MiB. Specialists answer with the passages of their part that are worth most
/// for the question. Their answers are merged within the window, and compared with the files up to
/// where the window ends. No model is called.
#[derive(Debug, Parser)]
#[command(name = "delegate", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 it was answered, 1 it could not be, 2 the command is wrong, or has to ask for more.")]
pub(crate) struct Command {
    /// The folder to read
    folder: PathBuf,
    /// What is asked
    #[arg(long, short, conflicts_with = "plant")]
    question: Option<String>,
    /// The tokens of a window, counted with `o200k_base`
    #[arg(long, short, default_value_t = 8000, value_name = "TOKENS")]
    window: usize,
    /// The share of the window above which parts are read by others, between 0 and 1
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    threshold: f64,
    /// What all specialists may take together; parts are reduced to their share of it
    /// [default: what they need]
    #[arg(long, short, value_name = "TOKENS")]
    budget: Option<usize>,
    /// Put so many made-up facts into the files, in memory only, and ask for each of them
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "12",
        value_parser = clap::value_parser!(u16).range(1..=100))]
    plant: Option<u16>,
    /// Which facts, and where
    #[arg(long, default_value_t = 7, requires = "plant")]
    seed: u64,
    /// How many specialists work at the same time [default: one for each core]
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command that makes sense.
#[derive(Debug)]
pub(crate) struct Task {
    /// The folder as it was given, for people.
    pub(crate) folder: String,
    /// The folder, absolute.
    pub(crate) root: PathBuf,
    pub(crate) wanted: Wanted,
    pub(crate) window: usize,
    pub(crate) threshold: f64,
    pub(crate) budget: Option<usize>,
    pub(crate) jobs: NonZeroUsize,
}

/// What is wanted of the folder.
#[derive(Debug)]
pub(crate) enum Wanted {
    Answer { question: String },
    Facts { number: usize, seed: u64 },
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// Checks what can be known before anything is read.
    pub(crate) fn check(&self) -> Result<Task, Problem> {
        let root = folder(&self.folder)?;
        let wanted = match (&self.question, self.plant) {
            (_, Some(number)) => Wanted::Facts { number: number.into(), seed: self.seed },
            (Some(question), None) if !question.trim().is_empty() => {
                Wanted::Answer { question: question.trim().to_owned() }
            }
            _ => return Err(Problem::NoQuestion),
        };
        Ok(Task {
            folder: self.folder.display().to_string(),
            root,
            wanted,
            window: self.window,
            threshold: self.threshold,
            budget: self.budget,
            jobs: self.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
        })
    }
}
