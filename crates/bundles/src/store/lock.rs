use std::io::ErrorKind;

use super::{Place, files};
use crate::disk::DiskFile;
use crate::error::{Attempt, BundleError};

/// The right to write the session. The system takes it back when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: Box<dyn DiskFile>,
}

impl Lock {
    pub(crate) fn take(place: &Place) -> Result<Self, BundleError> {
        let path = place.lock();
        let mut file = files::open_or_create(place.disk(), &path, "open the lock")?;
        match file.try_lock() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(BundleError::OpenElsewhere { dir: place.dir().to_owned() })
            }
            answer => answer.map(|()| Self { file }).attempt("lock", &path),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just being started holds a copy of
        // the handle. If it fails, closing is all that is left.
        let _ = self.file.unlock();
    }
}
