//! The session on disk: its directory, its files, and the lock that lets one writer in.
//!
//! Every path is the session's directory and a fixed name, and no link is followed out of it.

mod files;
mod lock;
mod open;

pub(crate) use lock::Lock;
pub(crate) use open::{Opened, Opening, open, read_header};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;

/// Where the files of a session are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Place {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir }
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
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
