use maniple_bundles::{MemoryStore, Sessions};
use maniple_core::testkit::check_run_store;

#[tokio::test]
async fn the_sessions_of_each_store_are_runs() {
    let memory = MemoryStore::new();
    check_run_store(|| async { Sessions::new(memory.clone()) }).await;
    let dir = tempfile::tempdir().unwrap();
    check_run_store(|| async { Sessions::in_dir(dir.path()) }).await;
}
