//! A release, and what is written down of it before it begins.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;

use maniple::core::RunId;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::problem::Problem;

/// What a release is called, as `0007`: one more than the last that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Number(u32);

impl Number {
    /// The one behind these.
    pub(crate) fn behind(numbers: impl IntoIterator<Item = Self>) -> Result<Self, Problem> {
        let Some(last) = numbers.into_iter().max() else { return Ok(Self(1)) };
        last.0.checked_add(1).map(Self).ok_or(Problem::NoNumber { last })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// It is no number of a release.
#[derive(Debug)]
pub(crate) struct NoNumber;

impl FromStr for Number {
    type Err = NoNumber;

    /// There is one way to write each.
    fn from_str(text: &str) -> Result<Self, NoNumber> {
        let number = text.parse().map(Self).map_err(|_| NoNumber)?;
        if number.to_string() == text { Ok(number) } else { Err(NoNumber) }
    }
}

/// What the saga is given: what it does, and what it comes from, so that whatever a step has done can be
/// taken back without asking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    pub(crate) number: Number,
    pub(crate) folder: String,
    /// What `current` showed.
    pub(crate) from: Option<Number>,
    /// What `previous` showed.
    pub(crate) previous: Option<Number>,
    pub(crate) keep: NonZeroUsize,
    pub(crate) health: Option<String>,
    pub(crate) notify: Option<String>,
}

/// The one release of a target that has begun and has not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// The name of its run in the session.
    pub(crate) run: String,
    /// The folder of the session, where it is not that of the target.
    pub(crate) session: Option<String>,
    pub(crate) release: Release,
}

impl Unfinished {
    pub(crate) fn new(session: Option<String>, release: Release) -> Self {
        // Whatever else was written to the session before has another name.
        let run = format!("release {} {}", release.number, RunId::random());
        Self { run, session, release }
    }

    /// How it is called, for people.
    pub(crate) fn call(&self, target: &Path) -> String {
        let Release { folder, keep, health, notify, .. } = &self.release;
        let mut call = format!("{folder} {} --keep {keep}", target.display());
        let options = [("session", &self.session), ("health", health), ("notify", notify)];
        for (option, value) in options {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(call, " --{option} {value:?}");
            }
        }
        call
    }

    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Problem> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(Fault::io("read", path))?,
        };
        let read = serde_json::from_slice(&text);
        read.map(Some).map_err(|source| Problem::Unintelligible { path: path.to_owned(), source })
    }

    /// Writes it down, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Fault> {
        let text = serde_json::to_vec_pretty(self).expect("texts and numbers have a form in JSON");
        let temporary = path.with_extension("new");
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(Fault::io("write", &temporary))?;
        fs::rename(&temporary, path).map_err(Fault::io("write", path))?;
        super::tree::sync_parent(path)
    }
}
