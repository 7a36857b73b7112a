//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use maniple::bundles::BundleError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("there is no folder {}: give the one that the sessions are in with --root", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("no session has {text:?} in its id: see `list`")]
    NoSession { text: String },
    #[error("{count} sessions have {text:?} in their ids: give more of it")]
    Ambiguous { text: String, count: usize },
    #[error("{} is there already: give another file", path.display())]
    FileExists { path: PathBuf },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error(transparent)]
    Session(#[from] BundleError),
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the world has to be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoFolder { .. }
            | Self::NoSession { .. }
            | Self::Ambiguous { .. }
            | Self::FileExists { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
