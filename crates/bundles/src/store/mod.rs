//! The session on disk: its directory, its files, and the lock that lets one writer in.
//!
//! Every path is the session's directory and a fixed name, and no link is followed out of it.

mod files;
mod lock;
mod open;

pub(crate) use lock::Lock;
pub(crate) use open::{Opening, now_ms, open, read_header};

use std::path::{Path, PathBuf};

/// Where the files of a session are.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    dir: PathBuf,
}

impl Paths {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn header(&self) -> PathBuf {
        self.dir.join("bundle.json")
    }

    pub(crate) fn new_header(&self) -> PathBuf {
        self.dir.join("bundle.json.new")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log.jsonl")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }
}
