//! What can go wrong, and the exit code of it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use maniple::bundles::BundleError;
use maniple::core::AgentError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("there is no step {step} to fail at: the last one is {last}")]
    NoSuchStep { step: u64, last: u64 },
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error("cannot append to {}: {source}", path.display())]
    Effects { path: PathBuf, source: io::Error },
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error("{0}")]
    Run(#[from] AgentError),
    #[error(
        "parked until somebody decides: {steps} may have had an effect that must not happen twice, look \
         for it in the effects file"
    )]
    Parked { steps: String },
    #[error("parked until somebody decides: {0}")]
    Waits(AgentError),
    #[error("{steps} steps ran or were replayed, where there are {all}")]
    Miscounted { steps: u64, all: u64 },
}

impl Problem {
    /// 2 where the command has to be changed, 3 where somebody has to decide, 1 where the world has to
    /// be changed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoSuchStep { .. } => ExitCode::from(2),
            Self::Parked { .. } | Self::Waits(_) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}
