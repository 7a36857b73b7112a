//! What can go wrong, and the exit code of it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use maniple::bundles::BundleError;
use maniple::context::ContextError;
use maniple::core::{AgentError, Class, Classify};
use maniple::primers::PrimeError;

use crate::given::FolderError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("a budget of 0 tokens holds nothing: give --budget at least 1")]
    NoBudget,
    #[error("the question is empty: say what the brief is for with --question \"…\"")]
    NoQuestion,
    #[error(
        "the budget of {budget} tokens is too small: what the brief always holds has {fixed}, give \
         --budget more than that"
    )]
    SmallBudget { budget: usize, fixed: usize },
    #[error("there is no text to read in {folder}: {skipped}")]
    Empty { folder: String, skipped: String },
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error(transparent)]
    Prime(#[from] PrimeError),
    #[error(transparent)]
    Optimize(#[from] ContextError),
    #[error(transparent)]
    Run(AgentError),
}

impl Problem {
    pub(crate) fn runtime(source: io::Error) -> Self {
        Self::Runtime { source }
    }

    /// 2 where the command has to be changed, 1 where the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Folder(_) | Self::NoBudget | Self::NoQuestion | Self::SmallBudget { .. } => {
                ExitCode::from(2)
            }
            _ => ExitCode::FAILURE,
        }
    }
}

impl Classify for Problem {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

impl From<AgentError> for Problem {
    /// What an agent of this program failed with, where it is one of these.
    fn from(error: AgentError) -> Self {
        Self::Run(error)
    }
}
