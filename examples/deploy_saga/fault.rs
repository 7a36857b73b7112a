//! What can go wrong at a piece of work.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use maniple::core::{AgentError, Class, Effect, Key};

use super::release::Number;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io { attempt: &'static str, path: PathBuf, source: io::Error },
    #[error("{} was changed while it was copied: release it when nobody writes to it", path.display())]
    Changed { path: PathBuf },
    #[error(
        "{} is a link to {}, which is absolute, leads out of the folder, or to nothing: only links \
         inside of a folder can be released with it", path.display(), to.display()
    )]
    LeadsOut { path: PathBuf, to: PathBuf },
    #[error("{} is neither a file nor a folder nor a link: it cannot be released", path.display())]
    Special { path: PathBuf },
    #[error("{} holds no file: an empty folder is no release", folder.display())]
    Empty { folder: PathBuf },
    #[error(
        "{} is not what was read from the folder: its digest is {found} instead of {expected}",
        release.display()
    )]
    Differs { release: PathBuf, expected: String, found: String },
    #[error("current shows {found}, and neither {from} nor {to}: somebody else has changed it")]
    Moved { found: Shown, from: Shown, to: Number },
    #[error("{} is no link to a release: it was not made by this program", path.display())]
    Foreign { path: PathBuf },
    #[error("the command {command:?} ended with {status}")]
    Command { command: String, status: ExitStatus },
    #[error("cannot start the command {command:?}: {source}")]
    NotStarted { command: String, source: io::Error },
    #[error("step {step} {what}, as was asked for")]
    AsAskedFor { step: &'static str, what: &'static str },
    #[error("current shows {number}: let it show another release, and try again")]
    IsShown { number: Number },
    #[error("asked to stop")]
    Stopped,
}

/// What a link shows, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown(pub(crate) Option<Number>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("nothing"),
        }
    }
}

impl Fault {
    pub(crate) fn io(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempt, path: path.to_owned(), source }
    }

    /// As the failure of a step with this effect.
    pub(crate) fn of_step(self, effect: Effect, key: &Key) -> AgentError {
        let class = match self {
            Self::Stopped => return AgentError::Cancelled { key: key.clone() },
            // A part of the work may be done.
            Self::Io { .. } | Self::Changed { .. } | Self::Command { .. }
                if effect != Effect::Pure =>
            {
                Class::Indeterminate
            }
            _ => Class::Permanent,
        };
        AgentError::new(class, self)
    }

    /// As the failure of an undo.
    pub(crate) fn of_undo(self, key: &Key) -> AgentError {
        let class = match self {
            Self::Stopped => return AgentError::Cancelled { key: key.clone() },
            // An undo may run again, and somebody may hold the file for a moment only.
            Self::Io { .. } => Class::Transient,
            _ => Class::Permanent,
        };
        AgentError::new(class, self)
    }
}
