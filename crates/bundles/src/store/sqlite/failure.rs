use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::error::BundleError;

/// Why something was not done in a database.
#[derive(Debug)]
pub(super) enum Failure {
    Sql(rusqlite::Error),
    Bundle(BundleError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self::Bundle(error)
    }
}

impl Failure {
    /// Whether a sync failed: what the system shows from then on need not be what it wrote.
    pub(super) fn is_doubtful(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        let code = error.sqlite_error().map(|error| error.extended_code);
        matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
    }

    /// The error that says what was attempted, and on which database.
    pub(super) fn at(self, attempt: &'static str, path: &Path) -> BundleError {
        let (path, error) = match self {
            Self::Sql(error) => (path.to_owned(), error),
            Self::Bundle(error) => return error,
        };
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return BundleError::Busy { path };
            }
            Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
            Some(ErrorCode::ReadOnly) => io::ErrorKind::ReadOnlyFilesystem,
            Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
                io::ErrorKind::PermissionDenied
            }
            Some(ErrorCode::OutOfMemory) => io::ErrorKind::OutOfMemory,
            Some(ErrorCode::TooBig) => io::ErrorKind::FileTooLarge,
            Some(ErrorCode::OperationInterrupted) => io::ErrorKind::Interrupted,
            Some(ErrorCode::ConstraintViolation) => io::ErrorKind::AlreadyExists,
            // Without a code, a value is not what the schema says.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
                io::ErrorKind::InvalidData
            }
            Some(_) => io::ErrorKind::Other,
        };
        BundleError::Io { attempt, path, source: Arc::new(io::Error::new(kind, error)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Failure {
        Failure::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn errors_keep_their_kind_and_their_path() {
        for (code, expected) in [
            (ffi::SQLITE_FULL, io::ErrorKind::StorageFull),
            (ffi::SQLITE_READONLY, io::ErrorKind::ReadOnlyFilesystem),
            (ffi::SQLITE_CORRUPT, io::ErrorKind::InvalidData),
            (ffi::SQLITE_IOERR_WRITE, io::ErrorKind::Other),
        ] {
            match failure(code).at("write to", "sessions.db".as_ref()) {
                BundleError::Io { attempt: "write to", path, source } => {
                    assert_eq!((path.as_path(), source.kind()), ("sessions.db".as_ref(), expected));
                }
                other => panic!("{other:?}"),
            }
        }
        let busy = failure(ffi::SQLITE_BUSY).at("write to", "sessions.db".as_ref());
        assert!(matches!(busy, BundleError::Busy { .. }), "{busy:?}");
    }

    #[test]
    fn only_what_a_sync_says_is_doubtful() {
        assert!(failure(ffi::SQLITE_IOERR_FSYNC).is_doubtful());
        assert!(!failure(ffi::SQLITE_IOERR_WRITE).is_doubtful());
        assert!(!failure(ffi::SQLITE_FULL).is_doubtful());
    }
}
