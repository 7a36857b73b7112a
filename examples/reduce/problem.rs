//! What can go wrong with the input or the world; what is wrong with the command is told by its
//! parser.

use std::io;

use maniple::context::messages::{MessageError, WriteError};
use maniple::context::{ContextError, FileRecallError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("cannot read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error(
        "{name} is not UTF-8: no character begins at byte {at}, counted from 0; convert it first"
    )]
    NotText { name: String, at: usize },
    #[error("line {line}, column {column} is no case: {why}")]
    Case { line: u64, column: usize, why: String },
    #[error("line {line} is no case: give an object with messages and budget")]
    NoObject { line: u64 },
    #[error("line {line} is longer than {most} MiB: give one case a line, or raise --longest-line")]
    LongLine { line: u64, most: usize },
    #[error("no kind is named {name:?}: use messages, text, log, json or code")]
    Kind { name: String },
    #[error("cannot write the answer: {source}")]
    Json { source: serde_json::Error },
    #[error(transparent)]
    Messages(#[from] MessageError),
    #[error(transparent)]
    WriteMessages(#[from] WriteError),
    #[error(transparent)]
    Reduce(#[from] ContextError),
    #[error(transparent)]
    Store(#[from] FileRecallError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
}

impl Problem {
    /// Why a line is no case. Its place is in the line, which is the only one that the parser saw.
    pub(crate) fn case(line: u64, error: &serde_json::Error) -> Self {
        let why = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let why = why.strip_suffix(&place).unwrap_or(&why).to_owned();
        Self::Case { line, column: error.column(), why }
    }
}
