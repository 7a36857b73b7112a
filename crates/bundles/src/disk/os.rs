use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

use super::{Access, Disk, DiskFile};

/// The operating system's.
#[derive(Debug)]
pub(crate) struct OsDisk;

impl Disk for OsDisk {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        private_dir().create(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        path.symlink_metadata().map(|found| found.is_file())
    }

    fn is_own_dir(&self, path: &Path) -> io::Result<bool> {
        path.symlink_metadata().map(|found| found.is_dir())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = private_file();
        options.read(true).write(access != Access::Read).create_new(access == Access::CreateNew);
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Elsewhere the entries of a directory cannot be synced by themselves.
    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    #[cfg(unix)]
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, into, offset)
    }

    #[cfg(not(unix))]
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        io::Seek::seek(&mut self.0, io::SeekFrom::Start(offset))?;
        io::Read::read(&mut self.0, into)
    }

    #[cfg(unix)]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset)
    }

    #[cfg(not(unix))]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        io::Seek::seek(&mut self.0, io::SeekFrom::Start(offset))?;
        io::Write::write(&mut self.0, bytes)
    }

    #[cfg(unix)]
    fn is_linked(&mut self) -> io::Result<bool> {
        Ok(std::os::unix::fs::MetadataExt::nlink(&self.0.metadata()?) > 0)
    }

    #[cfg(not(unix))]
    fn is_linked(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn try_lock(&mut self) -> io::Result<()> {
        Ok(self.0.try_lock()?)
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.0.unlock()
    }
}

fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on Unix only"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_dir() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on Unix only"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Not every system lets a file have such a name.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use crate::disk::Access;
    use crate::disk::contract::on_each_disk;

    #[test]
    fn a_list_leaves_out_names_that_are_not_unicode() {
        on_each_disk(|disk, root| {
            for name in [OsStr::from_bytes(b"odd-\xff"), OsStr::new("even")] {
                drop(disk.open(&root.join(name), Access::CreateNew).unwrap());
            }
            assert_eq!(disk.list(root).unwrap(), ["even"]);
        });
    }
}
