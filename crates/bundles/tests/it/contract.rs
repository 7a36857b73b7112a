//! The contract of stores: each of the crate's own keeps it.

use maniple_bundles::testkit::{check_created, check_processes, check_rewritten, check_store};
use maniple_bundles::{FileStore, MemoryStore};

#[test]
fn the_memory_store_keeps_the_contract() {
    let store = MemoryStore::new();
    check_store(|| store.clone());
    check_processes(|| store.clone());
}

#[test]
fn the_file_store_creates_sessions_by_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    check_created(|| FileStore::new(dir.path()));
}

#[test]
fn the_file_store_rewrites_by_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    check_rewritten(|| FileStore::new(dir.path()));
}
