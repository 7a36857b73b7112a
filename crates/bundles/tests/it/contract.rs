//! The contract of stores: each of the crate's own keeps it.

use maniple_bundles::testkit::{check_processes, check_store};
use maniple_bundles::{FileStore, MemoryStore};

#[test]
fn the_memory_store_keeps_the_contract() {
    let store = MemoryStore::new();
    check_store(|| store.clone());
    check_processes(|| store.clone());
}

#[test]
fn the_file_store_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    check_store(|| FileStore::new(dir.path().join("sessions")));
    check_processes(|| FileStore::new(dir.path().join("sessions")));
}

#[cfg(feature = "sqlite")]
#[test]
fn the_sqlite_store_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let open = || maniple_bundles::SqliteStore::open(dir.path().join("sessions.db")).unwrap();
    check_store(open);
    check_processes(open);
}
