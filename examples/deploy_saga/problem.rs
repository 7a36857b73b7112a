//! What can be in the way of a release, and the exit code of it.

use std::io;
use std::path::PathBuf;

use maniple::bundles::BundleError;
use maniple::core::AgentError;
use maniple::orchestration::{OperatorError, SagaError};

use super::command::Step;
use super::fault::Fault;
use super::release::Number;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{} is no folder: there is nothing to release", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("cannot release {}: {fault}", folder.display())]
    Unfit { folder: PathBuf, fault: Fault },
    #[error("{} is inside of {}: they have to lie apart", inner.display(), outer.display())]
    Inside { inner: PathBuf, outer: PathBuf },
    #[error("the path {} is not UTF-8, and cannot be written down", path.display())]
    NotUnicode { path: PathBuf },
    #[error(
        "{} holds {}, which is not of this program: give an empty folder, or one that is not there",
        target.display(), other.display()
    )]
    NotOurs { target: PathBuf, other: PathBuf },
    #[error("{} is not a folder of its own: remove it, so that nothing leaves the target", path.display())]
    NoRealFolder { path: PathBuf },
    #[error("{} was not made by this program: nothing was released there", target.display())]
    NoTarget { target: PathBuf },
    #[error("somebody else is releasing into {}: wait for that", target.display())]
    Busy { target: PathBuf },
    #[error(
        "release {number} has not finished, and was begun with other arguments: {call}; call it with \
         these first"
    )]
    OtherArguments { number: Number, call: String },
    #[error("{option} notify: that step is there with --notify only")]
    NoNotify { option: &'static str },
    #[error("--fail-undo-at {step}: nothing takes that step back")]
    NoUndo { step: Step },
    #[error("{step} does not wait for a decision: see --status")]
    NotParked { step: Step },
    #[error("no number comes after that of release {last}: rename it")]
    NoNumber { last: Number },
    #[error("{} is no account of a release: {source}", path.display())]
    Unintelligible { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error(transparent)]
    Saga(#[from] SagaError),
    #[error("{0}; the release has not finished, see --status")]
    Run(#[from] AgentError),
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
}

impl Problem {
    /// 2 where the command has to be changed, 1 where the world has to be.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoFolder { .. }
            | Self::Unfit { .. }
            | Self::Inside { .. }
            | Self::NotUnicode { .. }
            | Self::NotOurs { .. }
            | Self::NoTarget { .. }
            | Self::OtherArguments { .. }
            | Self::NoNotify { .. }
            | Self::NoUndo { .. }
            | Self::NotParked { .. } => 2,
            _ => 1,
        }
    }
}
