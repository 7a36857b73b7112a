use super::{Lock, Place, files};
use crate::disk::DiskFile;
use crate::error::{Attempt, BundleError};
use crate::format::ChainHead;
use crate::log::{Extent, Recovery, Scan, recover};
use crate::session::Header;

/// The longest `bundle.json`.
const MAX_HEADER_BYTES: usize = 1024 * 1024;

/// What to do about a session that is there, or is not.
#[derive(Debug)]
pub(crate) enum Opening {
    /// There is to be none; this header is for it.
    Create(Header),
    /// There is to be one.
    Remount,
    /// If there is none, this header is for it.
    RemountOrCreate(Header),
}

/// A session that only this process can write.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) header: Header,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) log: Box<dyn DiskFile>,
    pub(crate) extent: Extent,
    pub(crate) lock: Lock,
}

/// Opens a session; what it finds is durable when it returns.
pub(crate) fn open(place: &Place, opening: Opening) -> Result<Opened, BundleError> {
    let dir = || place.dir().to_owned();
    match opening {
        Opening::Create(header) => {
            files::make_dir(place.disk(), place.dir())?;
            let lock = Lock::take(place)?;
            if files::exists(place.disk(), &place.header())? {
                return Err(BundleError::AlreadyExists { dir: dir() });
            }
            create(place, header, lock)
        }
        Opening::Remount => {
            // Looked for first, so that no lock is left in a directory that is no session.
            if !files::exists(place.disk(), &place.header())? {
                return Err(BundleError::NotFound { dir: dir() });
            }
            remount(place, Lock::take(place)?)
        }
        Opening::RemountOrCreate(header) => {
            files::make_dir(place.disk(), place.dir())?;
            let lock = Lock::take(place)?;
            if files::exists(place.disk(), &place.header())? {
                remount(place, lock)
            } else {
                create(place, header, lock)
            }
        }
    }
}

/// Reads `bundle.json`.
pub(crate) fn read_header(place: &Place) -> Result<Header, BundleError> {
    let path = place.header();
    match files::read(place.disk(), &path, MAX_HEADER_BYTES)? {
        Some(bytes) => Header::from_bytes(&bytes, &path),
        None => Err(BundleError::LineTooLong { path, line: 1, offset: 0, limit: MAX_HEADER_BYTES }),
    }
}

/// The header comes last: until it is there, there is no session, and creating may be tried again.
fn create(place: &Place, header: Header, lock: Lock) -> Result<Opened, BundleError> {
    let bytes = header.to_bytes()?;
    if bytes.len() > MAX_HEADER_BYTES {
        return Err(BundleError::TooLong { bytes: bytes.len(), limit: MAX_HEADER_BYTES });
    }
    let mut log = files::open_or_create(place.disk(), &place.log(), "create")?;
    if log.len().attempt("look at", &place.log())? > 0 {
        return Err(BundleError::Orphaned { path: place.log() });
    }
    files::sync_dir(place.disk(), place.dir())?;
    files::sync_entry(place.disk(), place.dir())?;
    files::write_atomically(place.disk(), &place.header(), &place.new_header(), &bytes)?;
    let extent = Extent::empty(ChainHead::of_log(header.id));
    Ok(Opened { header, recovery: None, log, extent, lock })
}

fn remount(place: &Place, lock: Lock) -> Result<Opened, BundleError> {
    let header = read_header(place)?;
    let path = place.log();
    let mut log = files::open_existing(place.disk(), &path, "open")?;
    let (extent, recovery) =
        recover(Scan::open(place.disk(), &path, ChainHead::of_log(header.id))?)?;
    if recovery.is_some() {
        log.set_len(extent.bytes).attempt("erase the torn tail of", &path)?;
    }
    // A process that was killed may not have synced what it wrote. From here on it is believed, so
    // it must not vanish.
    log.sync_all().attempt("sync", &path)?;
    files::sync_dir(place.disk(), place.dir())?;
    Ok(Opened { header, recovery, log, extent, lock })
}
