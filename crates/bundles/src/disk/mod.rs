//! What the crate needs of a file system. Nothing else in it touches one, so that a simulated disk,
//! which crashes and fails on demand, can stand in for the system's.

#[cfg(test)]
pub(crate) mod broken;
#[cfg(test)]
mod contract;
mod os;
#[cfg(test)]
pub(crate) mod sim;

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

pub(crate) use os::OsDisk;

/// A place for files. What it is asked for is durable only after the sync that is named for it.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Makes one directory, which only its owner can read.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// Whether there is a directory at this path, or where a link there leads.
    fn is_dir(&self, path: &Path) -> bool;

    /// Whether what is at this path is a regular file; a link is none. `NotFound` if nothing is.
    ///
    /// This keeps an [open](Self::open) that follows from being led elsewhere by a link that lies
    /// there, not by one that is put there between the two: who can do that can write in the
    /// directory.
    fn is_file(&self, path: &Path) -> io::Result<bool>;

    /// Whether what is at this path is a directory; a link to one is none. `NotFound` if nothing is.
    fn is_own_dir(&self, path: &Path) -> io::Result<bool>;

    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// The names of what is in a directory, in no order. Names that are not Unicode are left out:
    /// none of ours is like that.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Gives a file another name, in place of the file that had that name before, in one step.
    ///
    /// Until it is durable, a loss of power can leave the file under the old name, the new one or
    /// both. Within a directory the new name always leads to one of the two files. Between
    /// directories each of the two has its own sync, and the file is lost if the old one is durable
    /// and the new one is not, so the new one is synced first.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Who has it open still reads and writes it, on Unix.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory that is empty. `DirectoryNotEmpty` if it is not.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable: what was created, renamed and removed in it. What
    /// the files say is another matter.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

const _: Option<&dyn Disk> = None;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// An existing file, to read it only.
    Read,
    /// An existing file, to read and write it.
    Write,
    /// A file that does not exist yet and that only its owner can read, to read and write it.
    CreateNew,
}

/// An open file. Every call may do less than a caller would like, as those of a system do.
pub(crate) trait DiskFile: Debug + Send {
    /// Reads from this byte on, at most as much as fits; 0 at the end of the file.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes from this byte on, and says how many bytes it wrote.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Whether a name leads to it still. Where a file that is open cannot be removed, it is taken for
    /// granted.
    fn is_linked(&mut self) -> io::Result<bool>;

    /// The file's length, in bytes.
    fn len(&mut self) -> io::Result<u64>;

    /// Cuts the file, or adds zeros to it.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Makes the content durable, and what is needed to read it.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Makes everything about the file durable, but for its entry in the directory.
    fn sync_all(&mut self) -> io::Result<()>;

    /// Takes the lock that only one open file can have, if nobody has it; `WouldBlock` otherwise.
    /// It is given back when the file is closed or the process dies.
    fn try_lock(&mut self) -> io::Result<()>;

    /// Gives the lock back.
    fn unlock(&mut self) -> io::Result<()>;
}

const _: Option<&dyn DiskFile> = None;

/// Writes all of it, or up to the failure.
pub(crate) fn write_all_at(
    file: &mut dyn DiskFile,
    mut offset: u64,
    mut bytes: &[u8],
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = match file.write_at(offset, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes = bytes.get(written..).unwrap_or_default();
        offset = after(offset, written);
    }
    Ok(())
}

/// Reads a file from its beginning.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Reader {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> Self {
        Self { file, offset: 0 }
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, into)?;
        self.offset = after(self.offset, read);
        Ok(read)
    }
}

fn after(offset: u64, bytes: usize) -> u64 {
    offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX))
}
