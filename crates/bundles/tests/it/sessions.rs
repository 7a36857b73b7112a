//! What a store of sessions says of them: lists, tags, expiry, deletion.

use std::collections::BTreeSet;

use maniple_bundles::{
    Action, BundleError, ContextBundle, Filter, History, Meta, Point, SessionId, Sessions,
    TaskStatus,
};

use crate::world::{World, let_the_clock_tick, meta, note, now_ms, texts};

async fn ids(sessions: &Sessions, filter: Filter) -> Vec<SessionId> {
    let list = sessions.list(&filter).await.unwrap();
    list.iter().map(|summary| summary.id).collect()
}

fn tags(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

async fn tag(bundle: &ContextBundle, add: &[&str], remove: &[&str]) {
    bundle.append(Action::Tagged { add: tags(add), remove: tags(remove) }).await.unwrap();
}

#[tokio::test]
async fn a_filter_shows_what_meets_each_of_its_conditions() {
    for world in World::of_each_kind() {
        let sessions = &world.sessions;
        let a = sessions.create(Meta::new("triage").with_label("k", "1").with_label("l", "1"));
        let a = a.await.unwrap();
        tag(&a, &["urgent", "net"], &[]).await;
        let_the_clock_tick();
        let b = sessions.create(Meta::new("triage").with_label("k", "2")).await.unwrap();
        tag(&b, &["urgent"], &[]).await;
        let_the_clock_tick();
        let c = a.fork(0, Meta::new("other").with_label("k", "1")).await.unwrap();
        let (a_id, b_id, c_id) = (a.id(), b.id(), c.id());

        let of = async |filter| ids(sessions, filter).await;
        assert_eq!(of(Filter::all()).await, [a_id, b_id, c_id]);
        assert_eq!(of(Filter::all().named("triage")).await, [a_id, b_id]);
        assert_eq!(of(Filter::all().named("triag")).await, []);
        assert_eq!(of(Filter::all().labelled("k", "1")).await, [a_id, c_id]);
        assert_eq!(of(Filter::all().labelled("k", "1").labelled("l", "1")).await, [a_id]);
        assert_eq!(of(Filter::all().labelled("l", "")).await, []);
        assert_eq!(of(Filter::all().tagged("urgent")).await, [a_id, b_id]);
        assert_eq!(of(Filter::all().tagged("urgent").tagged("net")).await, [a_id]);
        assert_eq!(of(Filter::all().forked_from(a_id)).await, [c_id]);
        assert_eq!(of(Filter::all().forked_from(b_id)).await, []);
        assert_eq!(of(Filter::all().created_from(b.created_ms())).await, [b_id, c_id]);
        assert_eq!(of(Filter::all().created_before(b.created_ms())).await, [a_id]);
        let between = Filter::all().created_from(b.created_ms()).created_before(c.created_ms());
        assert_eq!(of(between.clone()).await, [b_id]);
        assert_eq!(of(between.clone().tagged("urgent").named("triage")).await, [b_id]);
        assert_eq!(of(between.labelled("k", "1")).await, []);
    }
}

#[tokio::test]
async fn a_list_shows_tags_and_expiry_while_the_session_is_open_and_after() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        assert_eq!(world.sessions.list(&Filter::all()).await.unwrap()[0].log, None);
        tag(&bundle, &["urgent", "net"], &[]).await;
        tag(&bundle, &["disk"], &["net"]).await;
        bundle.append(Action::Expires { at_ms: Some(u64::MAX) }).await.unwrap();
        let shown = world.sessions.list(&Filter::all()).await.unwrap()[0].log.clone().unwrap();
        assert_eq!(shown.tags, tags(&["disk", "urgent"]));
        assert_eq!(shown.expires_ms, Some(u64::MAX));
        assert_eq!((shown.actions, shown.closed, shown.open_tasks), (3, false, 0));
        assert_eq!(shown.head, bundle.verify().await.unwrap().head);

        let status = TaskStatus::Open;
        let task = Action::Task { name: "a".into(), status, detail: String::new() };
        bundle.append(task).await.unwrap();
        bundle.append(Action::Expires { at_ms: None }).await.unwrap();
        bundle.close().await.unwrap();
        let shown = world.sessions.list(&Filter::all()).await.unwrap()[0].log.clone().unwrap();
        assert_eq!((shown.actions, shown.closed, shown.open_tasks), (5, true, 1));
        assert_eq!(shown.expires_ms, None);
        let bundle = world.sessions.remount(bundle.id()).await.unwrap();
        assert_eq!(bundle.state().tags(), &shown.tags);
        assert_eq!(bundle.state().updated_ms(), shown.updated_ms);
    }
}

#[tokio::test]
async fn a_list_shows_the_tags_that_a_fork_has_from_its_parent() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        tag(&bundle, &["urgent"], &[]).await;
        let fork = bundle.fork(1, meta()).await.unwrap();
        assert_eq!(
            ids(&world.sessions, Filter::all().tagged("urgent").forked_from(bundle.id())).await,
            [fork.id()]
        );
        let none = bundle.fork(0, meta()).await.unwrap();
        assert!(!ids(&world.sessions, Filter::all().tagged("urgent")).await.contains(&none.id()));
    }
}

#[tokio::test]
async fn a_list_is_read_from_cards_and_not_from_logs() {
    let world = World::in_files();
    let bundle = world.sessions.create(meta()).await.unwrap();
    tag(&bundle, &["urgent"], &[]).await;
    bundle.close().await.unwrap();
    let log = world.dir().join(bundle.id().to_string()).join("00000000000000000000.jsonl");
    std::fs::write(log, "nothing of the kind").unwrap();
    assert_eq!(ids(&world.sessions, Filter::all().tagged("urgent")).await, [bundle.id()]);
}

#[tokio::test]
async fn what_is_expired_is_collected_unless_it_is_open() {
    for world in World::of_each_kind() {
        let sessions = &world.sessions;
        let past = async || {
            let bundle = sessions.create(meta()).await.unwrap();
            bundle.append(Action::Expires { at_ms: Some(now_ms()) }).await.unwrap();
            bundle
        };
        let (expired, open) = (past().await.id(), past().await);
        let later = past().await;
        later.append(Action::Expires { at_ms: Some(u64::MAX) }).await.unwrap();
        let later = { later }.id();
        let never = past().await;
        never.append(Action::Expires { at_ms: None }).await.unwrap();
        let never = { never }.id();

        let collected = sessions.collect_garbage().await.unwrap();
        assert_eq!(collected.expired, [expired]);
        assert_eq!(ids(sessions, Filter::all()).await, [open.id(), later, never]);
        let tombstones = sessions.deleted().await.unwrap();
        assert_eq!((tombstones.len(), &tombstones[0].id), (1, &expired));
        assert_eq!(tombstones[0].reason, "expired");
        assert!(tombstones[0].deleted_ms <= now_ms());

        open.close().await.unwrap();
        assert_eq!(sessions.collect_garbage().await.unwrap().expired, [open.id()]);
        assert_eq!(sessions.collect_garbage().await.unwrap().expired, []);
    }
}

#[tokio::test]
async fn a_deleted_session_leaves_its_tombstone_and_nothing_else() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.append(note("x".repeat(10_000))).await.unwrap();
        bundle.snapshot().await.unwrap();
        let (id, view) = (bundle.id(), bundle.view());
        let refused = world.sessions.delete(id, "in use").await.unwrap_err();
        assert!(matches!(refused, BundleError::OpenElsewhere { .. }), "{refused}");
        drop(bundle);
        let before = now_ms();
        world.sessions.delete(id, "no use").await.unwrap();

        let tombstone = &world.sessions.deleted().await.unwrap()[0];
        assert_eq!((tombstone.id, tombstone.reason.as_str()), (id, "no use"));
        assert!(tombstone.deleted_ms >= before);
        assert_eq!(ids(&world.sessions, Filter::all()).await, []);
        for refused in [
            world.sessions.remount(id).await.map(drop),
            world.sessions.view(id).await.map(drop),
            world.sessions.delete(id, "twice").await,
            view.actions(0).await.map(drop),
        ] {
            assert!(matches!(refused, Err(BundleError::Deleted { .. })), "{refused:?}");
        }
        let other = SessionId::generate();
        for refused in [
            world.sessions.remount(other).await.map(drop),
            world.sessions.view(other).await.map(drop),
            world.sessions.delete(other, "nothing").await,
        ] {
            assert!(matches!(refused, Err(BundleError::NotFound { .. })), "{refused:?}");
        }
        assert_eq!(world.sessions.collect_garbage().await.unwrap().bytes, 0);
    }
}

#[tokio::test]
async fn what_forks_share_outlives_their_parent_and_not_themselves() {
    for world in World::of_each_kind() {
        let parent = world.sessions.create(meta()).await.unwrap();
        for text in ["a".to_owned(), "b".repeat(10_000), "c".to_owned()] {
            parent.append(note(text)).await.unwrap();
        }
        let fork = parent.fork(2, meta()).await.unwrap();
        fork.append(note("d")).await.unwrap();
        let (parent_id, fork_id) = (parent.id(), fork.id());
        drop((parent, fork));
        world.sessions.delete(parent_id, "done").await.unwrap();
        assert_eq!(world.sessions.collect_garbage().await.unwrap().bytes, 0);

        let fork = world.sessions.remount(fork_id).await.unwrap();
        let entries = fork.actions().await.unwrap();
        assert_eq!(texts(&entries), ["a", &"b".repeat(10_000), "d"]);
        assert_eq!(fork.verify().await.unwrap().blobs, 1);
        // Also at a point that only the deleted one has.
        let grandchild = fork.fork(1, meta()).await.unwrap();
        let grandchild_id = grandchild.id();
        drop((fork, grandchild));
        world.sessions.delete(fork_id, "done").await.unwrap();
        world.sessions.collect_garbage().await.unwrap();
        let grandchild = world.sessions.remount(grandchild_id).await.unwrap();
        assert_eq!(texts(&grandchild.actions().await.unwrap()), ["a"]);
        drop(grandchild);
        world.sessions.delete(grandchild_id, "done").await.unwrap();
        assert!(world.sessions.collect_garbage().await.unwrap().bytes > 0);
        assert_eq!(world.sessions.collect_garbage().await.unwrap().bytes, 0);
    }
}

#[tokio::test]
async fn a_fork_that_shares_nothing_needs_no_parent() {
    for world in World::of_each_kind() {
        let parent = world.sessions.create(meta()).await.unwrap();
        parent.append(note("a")).await.unwrap();
        let fork = parent.fork(0, meta()).await.unwrap();
        fork.append(note("b")).await.unwrap();
        let (parent_id, fork_id) = (parent.id(), fork.id());
        drop((parent, fork));
        world.sessions.delete(parent_id, "done").await.unwrap();
        let fork = world.sessions.remount(fork_id).await.unwrap();
        assert_eq!(texts(&fork.actions().await.unwrap()), ["b"]);
        assert_eq!(fork.parent().unwrap().from, parent_id);
    }
}

#[tokio::test]
async fn parents_and_children_are_told() {
    for world in World::of_each_kind() {
        let root = world.sessions.create(meta()).await.unwrap();
        for text in ["a", "b", "c"] {
            root.append(note(text)).await.unwrap();
        }
        let fork = root.fork(2, meta()).await.unwrap();
        fork.append(note("d")).await.unwrap();
        let grandchild = fork.fork(3, meta()).await.unwrap();
        // It shares nothing that is the fork's own.
        let sibling = fork.fork(2, meta()).await.unwrap();
        let early = grandchild.fork(1, meta()).await.unwrap();
        for (session, parent, at) in
            [(&fork, &root, 2), (&grandchild, &fork, 3), (&sibling, &root, 2), (&early, &root, 1)]
        {
            let forked = session.parent().unwrap();
            assert_eq!((forked.from, forked.at), (parent.id(), at));
            assert_eq!(session.view().parent(), Some(forked));
        }
        assert_eq!(root.parent(), None);
        let children = Filter::all().forked_from(root.id());
        assert_eq!(ids(&world.sessions, children).await, [fork.id(), sibling.id(), early.id()]);
        assert_eq!(texts(&grandchild.actions().await.unwrap()), ["a", "b", "d"]);
        assert_eq!(texts(&early.actions().await.unwrap()), ["a"]);
    }
}

#[tokio::test]
async fn of_one_meta_the_newest_is_opened() {
    for world in World::of_each_kind() {
        let first = world.sessions.open_or_create(Meta::new("a")).await.unwrap();
        for meta in [Meta::new("b"), Meta::new("a").with_label("k", "v")] {
            let other = world.sessions.open_or_create(meta).await.unwrap();
            assert_ne!(first.id(), other.id());
        }
        let busy = world.sessions.open_or_create(Meta::new("a")).await.unwrap_err();
        assert!(matches!(busy, BundleError::OpenElsewhere { .. }), "{busy}");
        let newer = world.sessions.create(Meta::new("a")).await.unwrap();
        newer.compact(History::Keep).await.unwrap();
        let newer_id = { newer }.id();
        let again = world.sessions.open_or_create(Meta::new("a")).await.unwrap();
        assert_eq!(again.id(), newer_id);
        let first_id = { first }.id();
        drop(again);
        world.sessions.delete(newer_id, "done").await.unwrap();
        let first = world.sessions.open_or_create(Meta::new("a")).await.unwrap();
        assert_eq!(first.id(), first_id);
    }
}

#[tokio::test]
async fn a_session_of_which_too_much_is_said_is_not_made() {
    for world in World::of_each_kind() {
        let long = || Meta::new("a").with_label("k", "x".repeat(1 << 20));
        let refused = world.sessions.create(long()).await.unwrap_err();
        assert!(matches!(refused, BundleError::TooLong { .. }), "{refused}");
        assert!(world.sessions.open_or_create(long()).await.is_err());
        let parent = world.sessions.create(meta()).await.unwrap();
        assert!(parent.fork(Point::End, long()).await.is_err());
        assert_eq!(ids(&world.sessions, Filter::all()).await, [parent.id()]);
    }
}
