//! What the program is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use maniple::context::{Encoding, FileRecall, Kind, Tiktoken, TokenCounter};

use crate::problem::Problem;

const EXAMPLES: &str = "\
Examples:
  reduce server.log --budget 2000 --store kept > short.log
  recall kept HANDLE     what went, by the handle in a marker such as […34 lines: recall HANDLE]
  reduce chat.json --budget 4000 --query \"Why are failed calls repeated?\" --json
  reduce --batch < cases.jsonl
                         each line is {\"id\", \"kind\", \"messages\", \"query\", \"budget\"}";

/// Reduces a conversation, a text, a log, a JSON document or source code to a budget of tokens.
#[derive(Debug, Parser)]
#[command(name = "reduce", version, after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Command {
    /// The file to reduce; `-` is the standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// The most tokens that may be left.
    #[arg(long, value_name = "N", value_parser = tokens, required_unless_present = "batch")]
    budget: Option<usize>,
    /// What the context is for; what has to do with it stays.
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// What the input is; by default told by its name and look.
    #[arg(long, value_enum)]
    kind: Option<InputKind>,
    /// The encoding in which tokens are counted: `o200k_base` or `cl100k_base`.
    #[arg(long, value_name = "NAME", default_value_t)]
    encoding: Encoding,
    /// Only drop what is said elsewhere; the budget may then not be met, which is said.
    #[arg(long)]
    lossless: bool,
    /// Reduce by at least this share, from 0 to 1, even where the budget holds. Only with --store is
    /// what came of it known, and not reduced once more when it is given again.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.0)]
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
    /// Read a case from each line, and answer each with a line of JSON.
    #[arg(long, conflicts_with_all = ["budget", "query", "kind"])]
    batch: bool,
    /// The longest line of a batch that is read; a longer one is answered with an error.
    #[arg(long, value_name = "MIB", default_value_t = 256, conflicts_with = "budget",
        value_parser = clap::value_parser!(u16).range(1..))]
    longest_line: u16,
}

fn tokens(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0 tokens hold nothing, give at least 1".to_owned()),
        Ok(tokens) => Ok(tokens),
        Err(error) => Err(error.to_string()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a number from 0 to 1".to_owned())
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
    /// Where to keep what goes; it is forgotten where there is none.
    pub(crate) store: Option<Arc<FileRecall>>,
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
        let store = self.store.as_ref().map(FileRecall::open).transpose()?;
        Ok(Task {
            counter: Arc::new(Tiktoken::new(self.encoding)),
            store: store.map(Arc::new),
            is_lossless: self.lossless,
            min_reduction: self.min_reduction,
            has_markers: !self.no_markers,
            as_json: self.json,
        })
    }

    /// The file, or none for the standard input.
    pub(crate) fn source(&self) -> Option<&Path> {
        (self.file != Path::new("-")).then_some(&*self.file)
    }

    /// The budget; none for a batch.
    pub(crate) fn budget(&self) -> Option<usize> {
        self.budget
    }

    /// The longest line of a batch, in MiB.
    pub(crate) fn longest_line(&self) -> usize {
        self.longest_line.into()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    pub(crate) fn kind(&self) -> Option<InputKind> {
        self.kind
    }
}
