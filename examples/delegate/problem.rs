//! What can go wrong, and the exit code of it.

use std::io;
use std::process::ExitCode;

use maniple::context::ContextError;
use maniple::core::{AgentError, Class};

use crate::given::FolderError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("nothing is asked: give --question \"…\", or --plant to have made-up facts asked for")]
    NoQuestion,
    #[error("there is no text to read in {folder}: {skipped}")]
    Empty { folder: String, skipped: String },
    #[error("the window is too small: the question has {pinned} tokens, and --window is {window}")]
    SmallWindow { pinned: usize, window: usize },
    #[error(transparent)]
    Setting(ContextError),
    #[error("{0}: give a larger --budget")]
    SmallBudget(AgentError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error(transparent)]
    Run(AgentError),
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Empty { .. } | Self::Print { .. } | Self::Runtime { .. } | Self::Run(_) => {
                ExitCode::FAILURE
            }
            _ => ExitCode::from(2),
        }
    }
}

impl From<ContextError> for Problem {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::PinnedExceedsBudget { pinned, budget: window, .. } => {
                Self::SmallWindow { pinned, window }
            }
            error => Self::Setting(error),
        }
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        let context = match &error {
            AgentError::Failed { source, .. } => source.downcast_ref::<ContextError>(),
            _ => None,
        };
        match context {
            Some(&ContextError::PinnedExceedsBudget { pinned, budget: window, .. }) => {
                Self::SmallWindow { pinned, window }
            }
            Some(ContextError::PartsExceedBudget { .. }) => Self::SmallBudget(error),
            _ if error.class() == Class::BudgetExhausted => Self::SmallBudget(error),
            _ => Self::Run(error),
        }
    }
}
