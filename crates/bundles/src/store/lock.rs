use std::fs::{File, TryLockError};

use super::{Paths, files};
use crate::error::{Attempt, BundleError};

/// The right to write the session. The system takes it back when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    pub(crate) fn take(paths: &Paths) -> Result<Self, BundleError> {
        let path = paths.lock();
        let file = files::open_or_create(&path, "open the lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                Err(BundleError::OpenElsewhere { dir: paths.dir().to_owned() })
            }
            Err(TryLockError::Error(error)) => Err(error).attempt("lock", &path),
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
