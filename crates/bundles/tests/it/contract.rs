//! A bundle keeps the contract that core states for every journal.

use maniple_bundles::{ContextBundle, Durability, Meta};
use maniple_core::testkit::check_journal;

use crate::support::Place;

async fn check(place: Place, durability: Durability) {
    let open = || async {
        ContextBundle::open_or_create(place.dir(), Meta::new("test"), durability).await.unwrap()
    };
    check_journal(open).await;
}

#[tokio::test]
async fn a_synced_bundle_keeps_the_contract_of_a_journal() {
    check(Place::on_disk(), Durability::Synced).await;
}

#[tokio::test]
async fn a_buffered_bundle_keeps_the_contract_of_a_journal() {
    check(Place::in_memory(), Durability::Buffered).await;
}
