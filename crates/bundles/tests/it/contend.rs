//! One writer, in whatever process.

use std::collections::BTreeSet;

use maniple_bundles::BundleError;

use crate::child::{Role, Running, command};
use crate::support::{Place, notes};

fn is_open_elsewhere<T>(opened: &Result<T, BundleError>) -> bool {
    matches!(opened, Err(BundleError::OpenElsewhere { .. }))
}

#[tokio::test]
async fn a_second_opener_in_this_process_is_told() {
    let place = Place::on_disk();
    let first = place.create().await;
    assert!(is_open_elsewhere(&place.remount().await));
    drop(first);
    assert!(place.remount().await.is_ok());
}

#[tokio::test]
async fn a_second_process_is_told_and_inherits_from_a_killed_one() {
    let place = Place::on_disk().with_notes(&["before"]).await;
    let mut child = command(Role::Hold, &place.dir());
    child.stdin(std::process::Stdio::piped());
    let mut child = Running::start(child);
    child.wait_for("open").unwrap();
    assert!(is_open_elsewhere(&place.remount().await));
    child.kill("open");
    let bundle = place.remount().await.unwrap();
    assert_eq!(notes(&bundle).await, ["before"]);
}

#[tokio::test]
async fn processes_that_contend_write_one_after_the_other() {
    let place = Place::on_disk();
    drop(place.create().await);
    let children: Vec<Running> =
        (0..3).map(|_| Running::start(command(Role::Contend, &place.dir()))).collect();
    let acknowledged: Vec<String> =
        children.into_iter().flat_map(|child| child.rest("acknowledged")).collect();
    assert_eq!(acknowledged.len(), 30);
    let found = notes(&place.remount().await.unwrap()).await;
    assert_eq!(found.len(), 30);
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(acknowledged));
}
