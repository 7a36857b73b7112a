//! The contract suite of stores of sessions, as a host writes it into its tests.

use maniple_bundles::MemoryStore;

fn in_memory() -> impl Fn() -> MemoryStore {
    let store = MemoryStore::new();
    move || store.clone()
}

maniple_testkit::store_contract!(in_memory);

/// The next process finds nothing.
fn forgetful() -> impl Fn() -> MemoryStore {
    MemoryStore::new
}

mod forgets {
    use super::forgetful;

    #[test]
    #[should_panic(expected = "durable: ")]
    fn what_was_written() {
        maniple_testkit::bundles::check_durable(forgetful());
    }
}
