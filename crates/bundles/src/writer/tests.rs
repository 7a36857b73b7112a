use std::io;
use std::path::PathBuf;

use super::appender::LogFile;
use super::*;
use crate::action::Action;
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

impl LogFile for &mut Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.capacity.map_or(bytes.len(), |c| c.saturating_sub(self.bytes.len()));
        self.bytes.extend(bytes.iter().take(room));
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.sync_fails {
            return Err(io::Error::other("lost"));
        }
        self.synced = self.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.truncate_fails {
            return Err(io::Error::other("lost"));
        }
        self.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}

fn appender(file: &mut Faulty, durability: Durability) -> Appender<&mut Faulty> {
    Appender::new(file, PathBuf::from("log"), Extent::empty(ChainHead::of_header()), durability)
}

fn note(text: &str) -> Vec<u8> {
    encode_action(&Action::Note { text: text.into() }).unwrap()
}

fn actions(file: &Faulty) -> Result<u64, BundleError> {
    let scan = Scan::new(&file.bytes[..], "log".as_ref(), ChainHead::of_header());
    scan.read_all(drop).map(|extent| extent.actions)
}

#[test]
fn what_is_pushed_together_is_one_commit() {
    let mut file = Faulty::default();
    let mut appender = appender(&mut file, Durability::Synced);
    assert_eq!([appender.push(1, &note("a")), appender.push(1, &note("b"))], [0, 1]);
    assert_eq!(appender.committed().actions, 0);
    appender.commit().unwrap();
    assert_eq!(appender.committed().actions, 2);
    assert_eq!((file.synced, actions(&file).unwrap()), (file.bytes.len(), 2));
}

#[test]
fn buffered_is_synced_by_close_and_synced_at_once() {
    let mut file = Faulty::default();
    let mut appender = appender(&mut file, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert_eq!(appender.committed().actions, 1);
    appender.close().unwrap();
    let extent = appender.committed();
    assert!(extent.closed);
    appender.close().unwrap();
    assert_eq!(appender.committed(), extent, "the mark is written once");
    assert_eq!((file.synced, actions(&file).unwrap()), (file.bytes.len(), 2));

    let mut lazy = Faulty::default();
    let mut appender = self::appender(&mut lazy, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert_eq!(lazy.synced, 0);
}

#[test]
fn a_full_disk_leaves_what_was_committed_before() {
    let mut file = Faulty::default();
    let mut first = appender(&mut file, Durability::Synced);
    first.push(1, &note("a"));
    first.commit().unwrap();
    let extent = first.committed();
    let room = usize::try_from(extent.bytes).unwrap() + 250;
    file.capacity = Some(room);

    let mut second = Appender::new(&mut file, "log".into(), extent, Durability::Synced);
    second.push(1, &note("b"));
    second.push(1, &note("does not fit"));
    let error = second.commit().unwrap_err();
    assert!(
        matches!(&error, BundleError::Io { attempt: "append to", source, .. }
            if source.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(second.committed(), extent);
    assert_eq!(actions(&file).unwrap(), 1);
}

#[test]
fn where_the_file_cannot_be_cut_a_torn_tail_is_left() {
    let mut file = Faulty { capacity: Some(250), truncate_fails: true, ..Faulty::default() };
    let mut appender = appender(&mut file, Durability::Synced);
    appender.push(1, &note("a"));
    appender.push(1, &note("does not fit"));
    assert!(appender.commit().is_err());
    assert!(actions(&file).is_err(), "a torn line is not accepted by a strict reader");
    let scan = Scan::new(&file.bytes[..], "log".as_ref(), ChainHead::of_header());
    let (extent, recovery) = crate::log::recover(scan).unwrap();
    assert_eq!(extent.actions, 1);
    assert_eq!(recovery.unwrap().offset, extent.bytes);
}

#[test]
fn lines_whose_sync_failed_are_cut_off() {
    let mut file = Faulty::default();
    let mut first = appender(&mut file, Durability::Synced);
    first.push(1, &note("a"));
    first.commit().unwrap();
    let extent = first.committed();
    file.sync_fails = true;

    let mut second = Appender::new(&mut file, "log".into(), extent, Durability::Synced);
    second.push(1, &note("b"));
    let error = second.commit().unwrap_err();
    assert!(matches!(error, BundleError::Io { attempt: "sync", .. }), "{error}");
    assert_eq!(actions(&file).unwrap(), 1);
}

#[test]
fn a_close_whose_sync_fails_keeps_what_was_acknowledged() {
    let mut file = Faulty { sync_fails: true, ..Faulty::default() };
    let mut appender = appender(&mut file, Durability::Buffered);
    appender.push(1, &note("a"));
    appender.commit().unwrap();
    assert!(appender.close().is_err());
    assert_eq!(actions(&file).unwrap(), 2);
}
