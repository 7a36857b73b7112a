//! What lies before the judges: how much each has still to read, and why it says nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::judge::{Judge, Seat};
use crate::walk::Folder;

/// Written by the judges while they read, and looked at when it is over.
#[derive(Debug, Clone)]
pub(crate) struct Desk(Arc<BTreeMap<Judge, Pile>>);

#[derive(Debug)]
struct Pile {
    had: Unread,
    begun: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
    failure: OnceLock<String>,
}

/// What is left of the list of files that a judge has to read, and of what it reads of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Unread {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// How many files it would have read in all.
    pub(crate) of: u64,
}

impl Desk {
    pub(crate) fn new(folder: &Folder, seats: &[Seat]) -> Self {
        Self(Arc::new(
            seats.iter().map(|seat| (seat.judge, Pile::new(folder, seat.judge))).collect(),
        ))
    }

    pub(crate) fn begins(&self, judge: Judge) {
        if let Some(pile) = self.0.get(&judge) {
            pile.begun.store(true, Ordering::Relaxed);
        }
    }

    /// A judge has come by another file, and has read so much of it.
    pub(crate) fn has_read(&self, judge: Judge, bytes: u64) {
        if let Some(pile) = self.0.get(&judge) {
            pile.files.fetch_add(1, Ordering::Relaxed);
            pile.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_failed(&self, judge: Judge, why: String) {
        if let Some(pile) = self.0.get(&judge) {
            // A judge is asked once, so nothing is there yet.
            let _ = pile.failure.set(why);
        }
    }

    /// What a judge has not read in this process.
    pub(crate) fn unread(&self, judge: Judge) -> Unread {
        self.0.get(&judge).map(Pile::unread).unwrap_or_default()
    }

    /// Whether a judge was asked in this process.
    pub(crate) fn has_begun(&self, judge: Judge) -> bool {
        self.0.get(&judge).is_some_and(|pile| pile.begun.load(Ordering::Relaxed))
    }

    /// Why a judge has failed in this process, if it has.
    pub(crate) fn failure(&self, judge: Judge) -> Option<&str> {
        self.0.get(&judge)?.failure.get().map(String::as_str)
    }
}

impl Pile {
    fn new(folder: &Folder, judge: Judge) -> Self {
        let bytes: Vec<u64> = folder.files.iter().filter_map(|file| judge.reads(file)).collect();
        let files = bytes.len() as u64;
        Self {
            had: Unread { files, bytes: bytes.iter().sum(), of: files },
            begun: AtomicBool::new(false),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failure: OnceLock::new(),
        }
    }

    fn unread(&self) -> Unread {
        Unread {
            files: self.had.files - self.files.load(Ordering::Relaxed),
            bytes: self.had.bytes - self.bytes.load(Ordering::Relaxed),
            of: self.had.of,
        }
    }
}
