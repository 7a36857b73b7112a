//! The file in which effects are seen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maniple::core::{AgentError, Class, Classify};

use crate::problem::Problem;

#[derive(Debug)]
pub(crate) struct Effects {
    path: PathBuf,
    file: File,
}

/// What was appended may be there, or a part of it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {}: {source}", path.display())]
struct AppendError {
    attempt: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Classify for AppendError {
    fn class(&self) -> Class {
        Class::Indeterminate
    }
}

impl Effects {
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        let file = opened.map_err(|source| Problem::Effects { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a line, and returns when it is on the disk.
    pub(crate) async fn append(self: Arc<Self>, key: &str) -> Result<(), AgentError> {
        let line = format!("{key}\n");
        // A sync blocks its thread.
        let appending = tokio::task::spawn_blocking(move || self.append_blocking(&line));
        match appending.await {
            Ok(appended) => Ok(appended?),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => Err(AgentError::new(Class::Indeterminate, error)),
        }
    }

    fn append_blocking(&self, line: &str) -> Result<(), AppendError> {
        let failed =
            |attempt| move |source| AppendError { attempt, path: self.path.clone(), source };
        // One write, so that lines of several threads and processes never mix.
        let written = (&self.file).write(line.as_bytes()).map_err(failed("append to"))?;
        if written < line.len() {
            return Err(failed("append a whole line to")(io::ErrorKind::WriteZero.into()));
        }
        self.file.sync_data().map_err(failed("sync"))
    }
}
