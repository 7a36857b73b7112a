//! What can go wrong, and the exit code of it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use maniple::context::messages::{MessageError, WriteError};
use maniple::context::{ContextError, FileRecallError, UnknownEncoding};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("a budget of 0 tokens holds nothing: give --budget at least 1")]
    NoBudget,
    #[error(transparent)]
    Encoding(#[from] UnknownEncoding),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the standard input: {source}")]
    ReadInput { source: io::Error },
    #[error("{name} is no UTF-8 text: byte {at} is none of a character")]
    NotText { name: String, at: usize },
    #[error("the line is no case: {source}")]
    Case { source: serde_json::Error },
    #[error("the line is longer than {most} bytes: give one case a line")]
    LongLine { most: usize },
    #[error("no kind is named {name:?}: use messages, text, log, json or code")]
    Kind { name: String },
    #[error("cannot read the messages: {0}")]
    Messages(#[from] MessageError),
    #[error("cannot write the answer: {source}")]
    Json { source: serde_json::Error },
    #[error("cannot write the messages: {0}")]
    WriteMessages(#[from] WriteError),
    #[error(transparent)]
    Reduce(#[from] ContextError),
    #[error(transparent)]
    Store(#[from] FileRecallError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the input or the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoBudget | Self::Encoding(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
