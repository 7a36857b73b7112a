use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use super::files;
use super::place::Place;
use crate::disk::{Access, Disk, DiskFile, Reader, write_all_at};
use crate::error::{Attempt, BundleError};
use crate::session::SessionId;

/// How long an operation on all sessions waits for another to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The right to write a session. The system takes it back when the process dies.
///
/// Beside the lock lies an epoch, which every writer counts up. A lock does not hold everywhere, and
/// its file may be removed, so a writer looks from time to time whether it is still the last. Where
/// there is no epoch, or a power loss took what it said, a writer goes on from one that nobody has
/// had: counted from 1 again, it could be that of somebody who still writes.
#[derive(Debug)]
pub(super) struct Lock {
    _held: Held,
    epoch: u64,
}

impl Lock {
    /// That to write a session that is being made.
    pub(super) fn take_first(place: &Place) -> Result<Self, BundleError> {
        Self::take_behind(place, || 0)
    }

    pub(super) fn take(place: &Place) -> Result<Self, BundleError> {
        Self::take_behind(place, SessionId::random)
    }

    /// Where no epoch can be read, this is the one that is counted up.
    fn take_behind(place: &Place, unread: impl FnOnce() -> u64) -> Result<Self, BundleError> {
        let Some(held) = try_hold(place.disk(), &place.lock())? else {
            return Err(BundleError::OpenElsewhere { dir: place.dir().to_owned() });
        };
        let path = place.epoch();
        let mut file = files::open_or_create(place.disk(), &path, "open")?;
        let epoch = read_epoch(place)?.unwrap_or_else(unread).saturating_add(1);
        let text = format!("{epoch:020}\n");
        write_all_at(&mut *file, 0, text.as_bytes()).attempt("write to", &path)?;
        Ok(Self { _held: held, epoch })
    }

    /// Fails if somebody else has opened the session since.
    pub(super) fn check(&self, place: &Place) -> Result<(), BundleError> {
        if read_epoch(place)? == Some(self.epoch) {
            Ok(())
        } else {
            Err(BundleError::Fenced { dir: place.dir().to_owned() })
        }
    }
}

/// The epoch of the last writer; `None` if there was none, or it cannot be read.
fn read_epoch(place: &Place) -> Result<Option<u64>, BundleError> {
    let path = &place.epoch();
    let file = match place.disk().open(path, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.attempt("open", path)?,
    };
    let mut text = Vec::new();
    Reader::new(file).take(32).read_to_end(&mut text).attempt("read", path)?;
    Ok(str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok()))
}

/// A lock that is given back when this is dropped.
#[derive(Debug)]
pub(in crate::store) struct Held {
    file: Box<dyn DiskFile>,
}

/// Takes a lock if nobody has it.
pub(in crate::store) fn try_hold(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Option<Held>, BundleError> {
    let mut file = files::open_or_create(disk, path, "open the lock")?;
    match file.try_lock() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        answer => answer.map(|()| Some(Held { file })).attempt("lock", path),
    }
}

/// Waits for a lock that nobody has for long.
pub(in crate::store) fn hold(disk: &dyn Disk, path: &Path) -> Result<Held, BundleError> {
    let begun = Instant::now();
    loop {
        if let Some(held) = try_hold(disk, path)? {
            return Ok(held);
        }
        if begun.elapsed() > PATIENCE {
            return Err(BundleError::Busy { path: path.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just being started holds a copy of
        // the handle. If it fails, closing is all that is left.
        let _ = self.file.unlock();
    }
}
