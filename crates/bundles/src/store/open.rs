use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Lock, Paths, files};
use crate::error::{Attempt, BundleError};
use crate::format::ChainHead;
use crate::log::{Extent, Recovery, Scan, recover};
use crate::session::{Header, Meta, SessionId};

/// The longest `bundle.json`.
const MAX_HEADER_BYTES: usize = 1024 * 1024;

/// What to do about a session that is there, or is not.
#[derive(Debug)]
pub(crate) enum Opening {
    Create(Meta),
    Remount,
    RemountOrCreate(Meta),
}

/// A session that only this process can write.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) header: Header,
    pub(crate) recovery: Option<Recovery>,
    /// Positioned where the next line belongs.
    pub(crate) log: File,
    pub(crate) extent: Extent,
    pub(crate) lock: Lock,
}

/// Opens a session; what it finds is durable when it returns.
pub(crate) fn open(paths: &Paths, opening: Opening) -> Result<Opened, BundleError> {
    let dir = || paths.dir().to_owned();
    match opening {
        Opening::Create(meta) => {
            files::make_dir(paths.dir())?;
            let lock = Lock::take(paths)?;
            if files::exists(&paths.header())? {
                return Err(BundleError::AlreadyExists { dir: dir() });
            }
            create(paths, meta, lock)
        }
        Opening::Remount => {
            // Looked for first, so that no lock is left in a directory that is no session.
            if !files::exists(&paths.header())? {
                return Err(BundleError::NotFound { dir: dir() });
            }
            remount(paths, Lock::take(paths)?)
        }
        Opening::RemountOrCreate(meta) => {
            files::make_dir(paths.dir())?;
            let lock = Lock::take(paths)?;
            if files::exists(&paths.header())? {
                remount(paths, lock)
            } else {
                create(paths, meta, lock)
            }
        }
    }
}

/// Reads `bundle.json`.
pub(crate) fn read_header(paths: &Paths) -> Result<Header, BundleError> {
    let path = paths.header();
    match files::read(&path, MAX_HEADER_BYTES)? {
        Some(bytes) => Header::from_bytes(&bytes, &path),
        None => Err(BundleError::LineTooLong { path, line: 1, offset: 0, limit: MAX_HEADER_BYTES }),
    }
}

/// The header comes last: until it is there, there is no session, and creating may be tried again.
fn create(paths: &Paths, meta: Meta, lock: Lock) -> Result<Opened, BundleError> {
    let header = Header::new(SessionId::generate(), now_ms(), meta);
    let bytes = header.to_bytes()?;
    if bytes.len() > MAX_HEADER_BYTES {
        return Err(BundleError::TooLong { bytes: bytes.len(), limit: MAX_HEADER_BYTES });
    }
    let log = files::open_or_create(&paths.log(), "create")?;
    if log.metadata().attempt("look at", &paths.log())?.len() > 0 {
        return Err(BundleError::Orphaned { path: paths.log() });
    }
    files::sync_dir(paths.dir())?;
    files::sync_entry(paths.dir())?;
    files::write_atomically(&paths.header(), &paths.new_header(), &bytes)?;
    let extent = Extent::empty(ChainHead::of_log(header.id));
    Ok(Opened { header, recovery: None, log, extent, lock })
}

fn remount(paths: &Paths, lock: Lock) -> Result<Opened, BundleError> {
    let header = read_header(paths)?;
    let path = paths.log();
    let mut log = files::open_existing(&path, "open")?;
    let (extent, recovery) = recover(Scan::open(&path, ChainHead::of_log(header.id))?)?;
    if recovery.is_some() {
        log.set_len(extent.bytes).attempt("erase the torn tail of", &path)?;
    }
    // A process that was killed may not have synced what it wrote. From here on it is believed, so
    // it must not vanish.
    log.sync_all().attempt("sync", &path)?;
    files::sync_dir(paths.dir())?;
    log.seek(SeekFrom::Start(extent.bytes)).attempt("seek in", &path)?;
    Ok(Opened { header, recovery, log, extent, lock })
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
