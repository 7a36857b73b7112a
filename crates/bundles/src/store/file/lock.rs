use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::files;
use super::open_chunk::count;
use super::place::Place;
use crate::disk::{Disk, DiskFile, write_all_at};
use crate::error::{Attempt, BundleError};
use crate::session::SessionId;

/// How long an operation on all sessions waits for another to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The right to write a session. The system takes it back when the process dies.
///
/// Beside the lock lies an epoch, which every writer counts up. A lock does not hold everywhere, and
/// its file may be removed, so a writer looks before it writes whether it is still the last. Where
/// there is no epoch, or a power loss took what it said, a writer goes on from one that nobody has
/// had: counted from 1 again, it could be that of somebody who still writes.
#[derive(Debug)]
pub(super) struct Lock {
    _held: Held,
    epoch: Box<dyn DiskFile>,
    ours: Epoch,
}

/// How many times the session has been opened to write, as a line of its own.
type Epoch = [u8; 21];

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
        let mut epoch = files::open_or_create(place.disk(), &path, "open")?;
        let found = read_epoch(&mut *epoch).attempt("read", &path)?;
        let number = found.as_ref().and_then(number).unwrap_or_else(unread).saturating_add(1);
        let text = format!("{number:020}\n").into_bytes();
        let ours = Epoch::try_from(text).expect("each number has as many digits");
        write_all_at(&mut *epoch, 0, &ours).attempt("write to", &path)?;
        Ok(Self { _held: held, epoch, ours })
    }

    /// Fails if somebody else has opened the session since.
    ///
    /// It looks at the file that this writer counted up, which is fenced also if it was removed.
    pub(super) fn check(&mut self, place: &Place) -> Result<(), BundleError> {
        let epoch = &mut *self.epoch;
        let is_ours = read_epoch(epoch).attempt("read", &place.epoch())? == Some(self.ours)
            && epoch.is_linked().attempt("look at", &place.epoch())?;
        if is_ours { Ok(()) } else { Err(BundleError::Fenced { dir: place.dir().to_owned() }) }
    }
}

/// `None` where there is less than that.
fn read_epoch(file: &mut dyn DiskFile) -> io::Result<Option<Epoch>> {
    let mut epoch = Epoch::default();
    let mut read = 0;
    while read < epoch.len() {
        match file.read_at(count(read), &mut epoch[read..]) {
            Ok(0) => return Ok(None),
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(epoch))
}

fn number(epoch: &Epoch) -> Option<u64> {
    str::from_utf8(epoch).ok()?.trim_end().parse().ok()
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
