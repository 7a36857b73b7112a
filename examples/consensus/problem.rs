//! What can go wrong, and the exit code of it.

use std::io;
use std::process::ExitCode;

use maniple::bundles::BundleError;
use maniple::core::{AgentError, Class, Source};
use maniple::orchestration::PatternError;

use crate::given::FolderError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the judge {judge} is asked twice: name each once in --judges")]
    AskedTwice { judge: &'static str },
    #[error("{asked} wants {least} answers, and only {judges} judges are asked")]
    TooFewJudges { asked: &'static str, least: usize, judges: usize },
    #[error("nothing in the folder can be read: {why}")]
    NothingReadable { why: String },
    #[error(
        "no agreement: {largest} of {answered} answers agree, where {needed} of {of} judges have to"
    )]
    NoAgreement { needed: usize, largest: usize, answered: usize, of: usize },
    #[error("too few answers: {answered} of {of} judges have answered{}, where {needed} have to", in_time(*late))]
    TooFew { needed: usize, answered: usize, of: usize, late: bool },
    #[error("cannot name the folder in the session: {0}")]
    Name(Source),
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error("not judged to the end: {0}")]
    Run(AgentError),
}

fn in_time(late: bool) -> &'static str {
    if late { " in time" } else { "" }
}

impl Problem {
    /// 2 where the command has to be changed, 3 where the judges say no more, 1 where the world has to
    /// be changed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Folder(_) | Self::AskedTwice { .. } | Self::TooFewJudges { .. } => {
                ExitCode::from(2)
            }
            Self::NoAgreement { .. } | Self::TooFew { .. } => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        let pattern = match &error {
            AgentError::Failed { source, .. } => source.downcast_ref::<PatternError>(),
            _ => None,
        };
        match pattern {
            Some(&PatternError::NoAgreement { needed, largest, answered, of, .. }) => {
                Self::NoAgreement { needed, largest, answered, of }
            }
            Some(&PatternError::TooFew { needed, succeeded, of, class, .. }) => {
                let late = class == Class::DeadlineExceeded;
                Self::TooFew { needed, answered: succeeded, of, late }
            }
            _ => Self::Run(error),
        }
    }
}
