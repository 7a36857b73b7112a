//! The stores that are tested.

use std::path::Path;

use maniple_bundles::{MemoryStore, Sessions};
use tempfile::TempDir;

use crate::world::temporary_dir;

/// Two stores of one kind.
pub(super) trait Stores {
    fn new() -> Self;
    fn sessions(&self, which: usize) -> Sessions;
    /// What a killed process would leave.
    fn crash(&mut self);
}

impl Stores for [MemoryStore; 2] {
    fn new() -> Self {
        [MemoryStore::new(), MemoryStore::new()]
    }

    fn sessions(&self, which: usize) -> Sessions {
        Sessions::new(self[which].clone())
    }

    /// They do not outlive the process, so nothing can be found again.
    fn crash(&mut self) {}
}

impl Stores for [TempDir; 2] {
    fn new() -> Self {
        [temporary_dir(), temporary_dir()]
    }

    fn sessions(&self, which: usize) -> Sessions {
        Sessions::in_dir(self[which].path())
    }

    fn crash(&mut self) {
        for dir in self {
            let copy = temporary_dir();
            copy_files(dir.path(), copy.path());
            *dir = copy;
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_files(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
