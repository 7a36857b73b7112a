//! What the file store does besides what every store does.

use maniple_bundles::{BundleError, BundleStore, FileStore, SessionId};

#[test]
fn what_is_not_there_is_not_deleted_and_leaves_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("sessions");
    let deleted = FileStore::new(&root).delete(SessionId::generate(), b"tombstone\n");
    assert!(matches!(deleted, Err(BundleError::NotFound { .. })), "{deleted:?}");
    assert!(!root.exists());
}
