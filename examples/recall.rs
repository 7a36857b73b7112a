//! `recall DIR HANDLE`: what a reduction left out, byte for byte.
//!
//! DIR is the folder that `reduce --store DIR` kept it in, and HANDLE the digits in a marker, or all
//! of them from a report. A part of it is given by its lines, or by words that its lines have:
//!
//! ```sh
//! reduce server.log --budget 2000 --store kept > short.log
//! recall kept 3fa29c01b7de
//! recall kept 3fa29c01b7de --lines 120-160
//! recall kept 3fa29c01b7de --search "connection refused"
//! ```

#[path = "reduce/causes.rs"]
mod causes;

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use causes::told;
use clap::Parser;
use maniple::context::excerpt::{Needle, NoSuchLines, lines, search};
use maniple::context::{
    FileRecall, FileRecallError, Handle, LineRange, NoHandle, RecallError, RecallStore as _,
    ShortHandle,
};

/// Gives back what a reduction left out.
#[derive(Debug, Parser)]
#[command(name = "recall", version)]
struct Command {
    /// The folder that it was kept in.
    store: PathBuf,
    /// The 12 digits of a marker, or all 64 of a report.
    handle: String,
    /// Only these lines, counted from 1.
    #[arg(long, value_name = "FIRST-LAST")]
    lines: Option<String>,
    /// Only the lines that have all of these words, with their numbers.
    #[arg(long, value_name = "WORDS", conflicts_with = "lines")]
    search: Option<String>,
    /// How many lines to show before and after each that was found.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "search")]
    around: usize,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("there is no store at {}: give the folder that `reduce --store` made", .0.display())]
    NoStore(PathBuf),
    #[error(transparent)]
    Store(#[from] FileRecallError),
    #[error(transparent)]
    NoHandle(#[from] NoHandle),
    #[error(transparent)]
    Recall(#[from] RecallError),
    #[error("{0:?} is no range of lines: give the first and the last, such as 120-160")]
    NoRange(String),
    #[error(transparent)]
    NoSuchLines(#[from] NoSuchLines),
    #[error("there are no words to search for")]
    NoWords,
    #[error("no line has {0:?}")]
    NothingFound(String),
    #[error("cannot write the standard output: {0}")]
    Print(io::Error),
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the world has to be.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoStore(_) | Self::NoHandle(_) | Self::NoRange(_) | Self::NoWords => {
                ExitCode::from(2)
            }
            _ => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    match run(&Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print(source)) if source.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(problem) => {
            // Where nobody can be told, the exit code still says it.
            let _ = writeln!(io::stderr(), "recall: {}", told(&problem));
            problem.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), Problem> {
    if !command.store.is_dir() {
        return Err(Problem::NoStore(command.store.clone()));
    }
    let store = FileRecall::open(&command.store)?;
    let handle: Handle = match command.handle.parse::<ShortHandle>() {
        Ok(short) => store.find(short)?,
        Err(_) => command.handle.parse()?,
    };
    let text = store.get(&handle)?;
    match (&command.lines, &command.search) {
        (Some(range), _) => print(lines(&text, parse(range)?)?),
        (None, Some(words)) => print(&found(&text, words, command.around)?),
        (None, None) => print(&text),
    }
}

fn parse(range: &str) -> Result<LineRange, Problem> {
    let ends = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (ends.0.trim().parse().ok(), ends.1.trim().parse().ok());
    let range_of = |(first, last)| LineRange::new(first, last);
    first.zip(last).and_then(range_of).ok_or_else(|| Problem::NoRange(range.to_owned()))
}

/// The lines that were found, each with its number.
fn found(text: &str, words: &str, around: usize) -> Result<String, Problem> {
    let needle = Needle::new(words).ok_or(Problem::NoWords)?;
    let shown: Vec<String> = search(text, &needle, around)
        .map(|line| {
            let mark = if line.matches { ':' } else { '-' };
            let end = if line.text.ends_with('\n') { "" } else { "\n" };
            format!("{}{mark}{}{end}", line.number, line.text)
        })
        .collect();
    if shown.is_empty() {
        return Err(Problem::NothingFound(words.to_owned()));
    }
    Ok(shown.concat())
}

fn print(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Problem::Print)
}
