//! What can go wrong, and the exit code of it.

use std::io;
use std::process::ExitCode;

use maniple::bundles::BundleError;
use maniple::core::AgentError;

use crate::given::FolderError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("nothing was counted: none of the {skipped} files and folders can be read")]
    NothingReadable { skipped: u64 },
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error("not counted to the end: {0}")]
    Run(AgentError),
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Folder(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        Self::Run(error)
    }
}
