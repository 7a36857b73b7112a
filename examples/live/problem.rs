//! What can go wrong, and the exit code of it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use maniple::context::messages::MessageError;
use maniple::context::{ContextError, UnknownModel};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("cannot read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error(
        "{name} is not UTF-8: no character begins at byte {at}, counted from 0; convert it first"
    )]
    NotText { name: String, at: usize },
    #[error("{name} is no transcript: {source}")]
    Messages { name: String, source: MessageError },
    #[error(
        "no message of {name}, {messages} in all, is an answer of the assistant to something before \
         it: there is no turn to replay"
    )]
    NoTurn { name: String, messages: usize },
    #[error("cannot read the prices in {}: {source}", path.display())]
    ReadPrices { path: PathBuf, source: io::Error },
    #[error(
        "{} holds no prices: {source}; give an object such as \
         {{\"model\": {{\"input\": 3000000, \"output\": 15000000, \"cached_input\": 300000}}}}, in \
         millionths for a million tokens",
        path.display()
    )]
    Prices { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Model(#[from] UnknownModel),
    #[error("cannot replay with a window of {window} tokens: {source}")]
    Window { window: usize, source: ContextError },
    #[error("cannot replay message {message}, counted from 1: {source}")]
    Message { message: usize, source: ContextError },
    #[error("cannot send turn {turn}: {source}")]
    Turn { turn: usize, source: ContextError },
    #[error("{tokens} tokens of {segments} segments cannot be recalled as they were")]
    Lost { segments: usize, tokens: usize },
    #[error("cannot write the plot to {}: {source}", path.display())]
    Plot { path: PathBuf, source: io::Error },
    #[error("cannot draw the plot: {0}")]
    Draw(String),
    #[error("cannot print a turn as JSON: {source}")]
    Json { source: serde_json::Error },
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the input or the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Model(_) | Self::Window { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
