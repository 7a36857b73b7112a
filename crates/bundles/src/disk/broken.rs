//! Disks that break a promise, each of which the simulation must catch.

use std::io;
use std::path::Path;

use super::sim::{Forgets, SimDisk};
use super::{Access, Disk, DiskFile};

/// The promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// What was written and synced is not durable.
    SyncData,
    /// Nor is what was synced with all about it.
    SyncAll,
    /// Entries of directories are not durable.
    SyncDir,
    /// A sync is done when the file is used again, after it was answered.
    Early,
    /// Torn tails stay.
    Cut,
    /// Everyone gets the lock.
    Lock,
    /// A write that was interrupted is answered as done.
    Short,
    /// A full disk is not noticed.
    Full,
    /// A part of what was synced is not durable.
    Forgets(Forgets),
}

impl Breakage {
    pub(crate) const ALL: [Self; 10] = [
        Self::SyncData,
        Self::SyncAll,
        Self::SyncDir,
        Self::Early,
        Self::Cut,
        Self::Lock,
        Self::Short,
        Self::Full,
        Self::Forgets(Forgets::Length),
        Self::Forgets(Forgets::Renames),
    ];
}

/// A disk that keeps all promises but one.
#[derive(Debug)]
pub(crate) struct BrokenDisk {
    inner: SimDisk,
    breakage: Breakage,
}

impl BrokenDisk {
    pub(crate) fn new(disk: SimDisk, breakage: Breakage) -> Self {
        let inner = match breakage {
            Breakage::Forgets(forgets) => disk.forgetting(forgets),
            _ => disk,
        };
        Self { inner, breakage }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Disk for BrokenDisk {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.make_dir(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.inner.is_dir(path)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_file(path)
    }

    fn is_own_dir(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_own_dir(path)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.open(path, access)?;
        Ok(Box::new(BrokenFile { inner, breakage: self.breakage, owes_sync: false }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.breakage == Breakage::SyncDir { Ok(()) } else { self.inner.sync_dir(path) }
    }
}

#[derive(Debug)]
struct BrokenFile {
    inner: Box<dyn DiskFile>,
    breakage: Breakage,
    owes_sync: bool,
}

#[deny(clippy::missing_trait_methods)]
impl DiskFile for BrokenFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.owes_sync) {
            self.inner.sync_data()?;
        }
        match (self.breakage, self.inner.write_at(offset, bytes)) {
            (Breakage::Short, Ok(_)) => Ok(bytes.len()),
            (Breakage::Full, Err(error)) if error.kind() == io::ErrorKind::StorageFull => {
                Ok(bytes.len())
            }
            (_, written) => written,
        }
    }

    fn is_linked(&mut self) -> io::Result<bool> {
        self.inner.is_linked()
    }

    fn len(&mut self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if self.breakage == Breakage::Cut { Ok(()) } else { self.inner.set_len(len) }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        match self.breakage {
            Breakage::SyncData => Ok(()),
            Breakage::Early => {
                self.owes_sync = true;
                Ok(())
            }
            _ => self.inner.sync_data(),
        }
    }

    fn sync_all(&mut self) -> io::Result<()> {
        if self.breakage == Breakage::SyncAll { Ok(()) } else { self.inner.sync_all() }
    }

    fn try_lock(&mut self) -> io::Result<()> {
        if self.breakage == Breakage::Lock { Ok(()) } else { self.inner.try_lock() }
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.inner.unlock()
    }
}
