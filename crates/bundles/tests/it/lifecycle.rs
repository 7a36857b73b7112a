//! From creating to closing.

use maniple_bundles::{Action, BundleError, ContextBundle, Durability, MAX_ACTION_BYTES, Meta};

use crate::support::{Place, note, notes};

#[tokio::test]
async fn what_was_said_at_creation_is_kept() {
    let place = Place::on_disk();
    let dir = place.dir().join("in/new/directories");
    let meta = Meta::new("a name").with_label("k", "v");
    let bundle = ContextBundle::create(&dir, meta.clone(), Durability::Buffered).await.unwrap();
    let (id, created_ms) = (bundle.id(), bundle.created_ms());
    assert_eq!((bundle.meta(), bundle.dir()), (&meta, dir.as_path()));
    bundle.close().await.unwrap();

    let other = Meta::new("another");
    let again =
        ContextBundle::open_or_create(&dir, other.clone(), Durability::Synced).await.unwrap();
    assert_eq!((again.meta(), again.id(), again.created_ms()), (&meta, id, created_ms));
    drop(again);
    let error = ContextBundle::create(&dir, other, Durability::Synced).await.unwrap_err();
    assert!(matches!(error, BundleError::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn open_or_create_creates() {
    let place = Place::on_disk();
    let meta = Meta::new("new");
    let bundle = ContextBundle::open_or_create(place.dir(), meta.clone(), Durability::Synced);
    let bundle = bundle.await.unwrap();
    assert_eq!(bundle.meta(), &meta);
    bundle.append(note("one")).await.unwrap();
    drop(bundle);
    assert_eq!(notes(&place.remount().await.unwrap()).await, ["one"]);
}

#[tokio::test]
async fn a_session_that_was_not_created_whole_can_be_created_again() {
    let place = Place::on_disk();
    drop(place.create().await);
    // As if the creator had been killed before the last file was in place.
    std::fs::rename(place.header(), place.dir().join("bundle.json.new")).unwrap();
    let error = place.remount().await.unwrap_err();
    assert!(matches!(error, BundleError::NotFound { .. }), "{error}");
    drop(place.create().await);
    assert!(place.remount().await.is_ok());
}

#[tokio::test]
async fn a_meta_beyond_the_limit_is_refused() {
    let place = Place::on_disk();
    let huge = Meta::new("x".repeat(2 * 1024 * 1024));
    let error = ContextBundle::create(place.dir(), huge, Durability::Synced).await.unwrap_err();
    assert!(matches!(error, BundleError::TooLong { .. }), "{error}");
    drop(place.create().await);
}

#[tokio::test]
async fn closing_marks_the_log_once_and_ends_the_bundle() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    let pending = bundle.append(note("one"));
    bundle.close().await.unwrap();
    assert_eq!(pending.await.unwrap(), 0);
    bundle.close().await.unwrap();
    for error in [
        bundle.append(note("late")).await.unwrap_err(),
        bundle.actions().await.unwrap_err(),
        bundle.verify().await.unwrap_err(),
    ] {
        assert!(matches!(error, BundleError::Closed { .. }), "{error}");
    }
    let again = place.remount().await.unwrap();
    again.close().await.unwrap();
    let actions = place.remount().await.unwrap().actions().await.unwrap();
    let actions: Vec<Action> = actions.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [note("one"), Action::Closed]);
}

#[tokio::test]
async fn work_may_go_on_after_closing() {
    let place = Place::on_disk();
    for text in ["one", "two"] {
        let meta = Meta::new("m");
        let bundle = ContextBundle::open_or_create(place.dir(), meta, Durability::Buffered);
        let bundle = bundle.await.unwrap();
        bundle.append(note(text)).await.unwrap();
        bundle.close().await.unwrap();
    }
    let bundle = place.remount().await.unwrap();
    assert_eq!(notes(&bundle).await, ["one", "two"]);
    assert_eq!(bundle.verify().await.unwrap().actions, 4);
}

#[tokio::test]
async fn a_mark_that_the_host_writes_is_an_action_like_any_other() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    bundle.append(Action::Closed).await.unwrap();
    bundle.append(note("on")).await.unwrap();
    bundle.append(Action::Closed).await.unwrap();
    assert_eq!(bundle.verify().await.unwrap().actions, 3);
}

#[tokio::test]
async fn an_action_that_is_too_long_concerns_nobody_else() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    let error = bundle.append(note("x".repeat(MAX_ACTION_BYTES))).await.unwrap_err();
    assert!(matches!(error, BundleError::TooLong { .. }), "{error}");
    assert_eq!(bundle.append(note("short")).await.unwrap(), 0);
    assert_eq!(notes(&bundle).await, ["short"]);
}

#[tokio::test]
async fn a_long_action_is_read_back() {
    let place = Place::in_memory();
    let bundle = place.create().await;
    let long = "\u{fc}".repeat(5 * 1024 * 1024);
    for _ in 0..2 {
        bundle.append(note(&long)).await.unwrap();
    }
    drop(bundle);
    assert!(notes(&place.remount().await.unwrap()).await == [long.clone(), long]);
}

#[tokio::test]
async fn the_log_is_json_lines_and_the_header_is_json() {
    let place = Place::on_disk().with_notes(&["one", "two"]).await;
    let log = std::fs::read_to_string(place.log()).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["b"]["seq"], 1);
    assert_eq!(lines[1]["b"]["action"]["note"]["text"], "two");
    let header = std::fs::read_to_string(place.header()).unwrap();
    let header: serde_json::Value = serde_json::from_str(&header).unwrap();
    assert_eq!(header["b"]["meta"]["name"], "test");
}
