use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use super::appender::Appender;
use super::*;
use crate::action::Action;
use crate::disk::DiskFile;
use crate::format::{ChainHead, encode_action};
use crate::log::{Extent, Scan};

/// A file in memory that can fail.
#[derive(Debug, Default)]
struct Faulty {
    bytes: Vec<u8>,
    synced: usize,
    capacity: Option<usize>,
    sync_fails: bool,
    truncate_fails: bool,
}

/// One of several handles to the same file.
#[derive(Debug, Clone, Default)]
struct Handle(Arc<Mutex<Faulty>>);

impl Handle {
    fn of(file: Faulty) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    fn is_synced(&self) -> bool {
        let file = self.file();
        file.synced == file.bytes.len()
    }

    fn file(&self) -> MutexGuard<'_, Faulty> {
        self.0.lock().unwrap()
    }
}

impl DiskFile for Handle {
    fn read_at(&mut self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("an appender reads nothing")
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file();
        assert_eq!(offset, u64::try_from(file.bytes.len()).unwrap(), "lines follow each other");
        let room = file.capacity.map_or(bytes.len(), |c| c.saturating_sub(file.bytes.len()));
        file.bytes.extend(bytes.iter().take(room));
        if room == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(room.min(bytes.len())) }
    }

    fn len(&mut self) -> io::Result<u64> {
        unreachable!("an appender knows the length")
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut file = self.file();
        if file.truncate_fails {
            return Err(io::Error::other("lost"));
        }
        file.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut file = self.file();
        if file.sync_fails {
            return Err(io::Error::other("lost"));
        }
        file.synced = file.bytes.len();
        Ok(())
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn try_lock(&mut self) -> io::Result<()> {
        unreachable!("the lock is another file")
    }

    fn unlock(&mut self) -> io::Result<()> {
        unreachable!("the lock is another file")
    }
}

fn appender(file: &Handle, durability: Durability) -> Appender {
    continued(file, Extent::empty(ChainHead::of_header()), durability)
}

fn continued(file: &Handle, extent: Extent, durability: Durability) -> Appender {
    Appender::new(Box::new(file.clone()), PathBuf::from("log"), extent, durability)
}

fn note(text: &str) -> Vec<u8> {
    encode_action(&Action::Note { text: text.into() }).unwrap()
}

fn actions(file: &Handle) -> Result<u64, BundleError> {
    let bytes = file.file().bytes.clone();
    let scan = Scan::new(&bytes[..], "log".as_ref(), ChainHead::of_header());
    scan.read_all(drop).map(|extent| extent.actions)
}

#[test]
fn what_is_pushed_together_is_one_commit() {
    let file = Handle::default();
    let mut appender = appender(&file, Durability::Synced);
    assert_eq!([appender.push(1, &note("a")), appender.push(1, &note("b"))], [0, 1]);
    assert_eq!(appender.committed().actions, 0);
    appender.commit().unwrap();
    assert_eq!(appender.committed().actions, 2);
    assert!(file.is_synced());
    assert_eq!(actions(&file).unwrap(), 2);
}

#[test]
fn buffered_is_synced_by_close_and_synced_at_once() {
    let file = Handle::default();
    let mut appender = appender(&file, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert_eq!(appender.committed().actions, 1);
    appender.close(2).unwrap();
    let extent = appender.committed();
    assert!(extent.closed);
    appender.close(2).unwrap();
    assert_eq!(appender.committed(), extent, "the mark is written once");
    assert!(file.is_synced());
    assert_eq!(actions(&file).unwrap(), 2);

    let lazy = Handle::default();
    let mut appender = self::appender(&lazy, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert_eq!(lazy.file().synced, 0);
}

#[test]
fn a_full_disk_leaves_what_was_committed_before() {
    let file = Handle::default();
    let mut first = appender(&file, Durability::Synced);
    first.push(1, &note("a"));
    first.commit().unwrap();
    let extent = first.committed();
    let room = usize::try_from(extent.bytes).unwrap() + 250;
    file.file().capacity = Some(room);

    let mut second = continued(&file, extent, Durability::Synced);
    second.push(1, &note("b"));
    second.push(1, &note("does not fit"));
    let error = second.commit().unwrap_err();
    assert!(
        matches!(&error, BundleError::Io { attempt: "append to", source, .. }
            if source.kind() == ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(second.committed(), extent);
    assert_eq!(actions(&file).unwrap(), 1);
}

#[test]
fn where_the_file_cannot_be_cut_a_torn_tail_is_left() {
    let file =
        Handle::of(Faulty { capacity: Some(250), truncate_fails: true, ..Faulty::default() });
    let mut appender = appender(&file, Durability::Synced);
    appender.push(1, &note("a"));
    appender.push(1, &note("does not fit"));
    assert!(appender.commit().is_err());
    let bytes = file.file().bytes.clone();
    assert!(actions(&file).is_err(), "a torn line is not accepted by a strict reader");
    let scan = Scan::new(&bytes[..], "log".as_ref(), ChainHead::of_header());
    let (extent, recovery) = crate::log::recover(scan).unwrap();
    assert_eq!(extent.actions, 1);
    assert_eq!(recovery.unwrap().offset, extent.bytes);
}

#[test]
fn lines_whose_sync_failed_are_cut_off() {
    let file = Handle::default();
    let mut first = appender(&file, Durability::Synced);
    first.push(1, &note("a"));
    first.commit().unwrap();
    let extent = first.committed();
    file.file().sync_fails = true;

    let mut second = continued(&file, extent, Durability::Synced);
    second.push(1, &note("b"));
    let error = second.commit().unwrap_err();
    assert!(matches!(error, BundleError::Io { attempt: "sync", .. }), "{error}");
    assert_eq!(actions(&file).unwrap(), 1);
}

#[test]
fn a_close_whose_sync_fails_keeps_what_was_acknowledged() {
    let file = Handle::of(Faulty { sync_fails: true, ..Faulty::default() });
    let mut appender = appender(&file, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert!(appender.close(2).is_err());
    assert_eq!(actions(&file).unwrap(), 2);
}
