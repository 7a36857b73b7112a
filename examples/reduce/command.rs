//! What the program is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use maniple::context::{
    Encoding, FileRecall, Kind, MemoryRecall, RecallStore, Tiktoken, TokenCounter,
};

use crate::problem::Problem;

/// Reduces a conversation, a text, a log, a JSON document or source code to a budget of tokens.
#[derive(Debug, Parser)]
#[command(name = "reduce", version)]
pub(crate) struct Command {
    /// The file to reduce; `-` is the standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// The most tokens that may be left.
    #[arg(long, value_name = "N", required_unless_present = "batch")]
    budget: Option<usize>,
    /// What the context is for; what has to do with it stays.
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// What the input is; by default told by its name and look.
    #[arg(long, value_enum)]
    kind: Option<InputKind>,
    /// The encoding in which tokens are counted: o200k_base or cl100k_base.
    #[arg(long, default_value = "o200k_base")]
    encoding: String,
    /// Only drop what is said elsewhere; the budget may then not be met, which is said.
    #[arg(long)]
    lossless: bool,
    /// Reduce by at least this share, from 0 to 1, even where the budget holds.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    min_reduction: f64,
    /// Put no markers where something went.
    #[arg(long)]
    no_markers: bool,
    /// Keep what went in this folder, for `recall`.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print messages and report as JSON.
    #[arg(long)]
    json: bool,
    /// Read a case from each line, and answer each with a line.
    #[arg(long, conflicts_with_all = ["budget", "query", "kind"])]
    batch: bool,
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputKind {
    /// An array of messages.
    Messages,
    /// Prose.
    Text,
    /// Lines of a log.
    Log,
    /// A JSON document.
    Json,
    /// Source code.
    Code,
}

impl InputKind {
    /// The kind of this name, as it is given on the command line.
    pub(crate) fn named(name: &str) -> Result<Self, Problem> {
        Self::from_str(name, false).map_err(|_| Problem::Kind { name: name.to_owned() })
    }

    /// The kind of a segment that is all of the input; none for messages.
    pub(crate) fn of_segment(self) -> Option<Kind> {
        match self {
            Self::Messages => None,
            Self::Text => Some(Kind::File),
            Self::Log => Some(Kind::Log),
            Self::Json => Some(Kind::Json),
            Self::Code => Some(Kind::Code),
        }
    }
}

/// How contexts are reduced, checked.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) counter: Arc<dyn TokenCounter>,
    pub(crate) store: Arc<dyn RecallStore>,
    pub(crate) is_lossless: bool,
    pub(crate) min_reduction: f64,
    pub(crate) has_markers: bool,
    pub(crate) as_json: bool,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    pub(crate) fn check(&self) -> Result<Task, Problem> {
        let encoding: Encoding = self.encoding.parse()?;
        let store: Arc<dyn RecallStore> = match &self.store {
            Some(dir) => Arc::new(FileRecall::open(dir)?),
            None => Arc::new(MemoryRecall::new()),
        };
        Ok(Task {
            counter: Arc::new(Tiktoken::new(encoding)),
            store,
            is_lossless: self.lossless,
            min_reduction: self.min_reduction,
            has_markers: !self.no_markers,
            as_json: self.json,
        })
    }

    pub(crate) fn is_batch(&self) -> bool {
        self.batch
    }

    /// The file, or none for the standard input.
    pub(crate) fn source(&self) -> Option<&Path> {
        (self.file != Path::new("-")).then_some(&*self.file)
    }

    pub(crate) fn budget(&self) -> Result<usize, Problem> {
        self.budget.filter(|budget| *budget > 0).ok_or(Problem::NoBudget)
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    pub(crate) fn kind(&self) -> Option<InputKind> {
        self.kind
    }
}
