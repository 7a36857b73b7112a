//! What a fork has made of the host's values, and what is brought back.

use maniple_bundles::{
    Action, BundleError, ContextBundle, History, MergePolicy, Point, SessionView,
};
use maniple_core::Payload;

use crate::world::{World, let_the_clock_tick, meta, note, payload};

fn unset(key: &str) -> Action {
    Action::Unset { key: key.into() }
}

async fn set(bundle: &ContextBundle, key: &str, value: u8) {
    let_the_clock_tick();
    bundle.set(key, &value).await.unwrap();
}

fn value(bundle: &ContextBundle, key: &str) -> Option<u8> {
    bundle.get(key).unwrap()
}

/// A session and its fork, which have both changed values.
async fn parted(world: &World) -> (ContextBundle, ContextBundle) {
    let parent = world.sessions.create(meta()).await.unwrap();
    for key in ["neither", "ours", "theirs", "same", "ours-later", "theirs-later", "removed"] {
        set(&parent, key, 0).await;
    }
    let fork = parent.fork(Point::End, meta()).await.unwrap();
    set(&parent, "ours", 1).await;
    set(&fork, "theirs", 2).await;
    set(&parent, "same", 3).await;
    set(&fork, "same", 3).await;
    set(&fork, "ours-later", 5).await;
    set(&parent, "ours-later", 4).await;
    set(&parent, "theirs-later", 6).await;
    set(&fork, "theirs-later", 7).await;
    set(&parent, "removed", 8).await;
    let_the_clock_tick();
    fork.append(unset("removed")).await.unwrap();
    fork.append(note("which nobody merges")).await.unwrap();
    (parent, fork)
}

#[tokio::test]
async fn each_policy_decides_conflicts_and_nothing_else() {
    type Decided = [Option<u8>; 3];
    let policies: [(fn() -> MergePolicy, Decided); 5] = [
        (|| MergePolicy::LastWrite, [Some(4), Some(7), None]),
        (|| MergePolicy::Ours, [Some(4), Some(6), Some(8)]),
        (|| MergePolicy::Theirs, [Some(5), Some(7), None]),
        (|| MergePolicy::Custom(Box::new(|_| Some(payload(&9)))), [Some(9), Some(9), Some(9)]),
        (|| MergePolicy::Custom(Box::new(|_| None)), [None, None, None]),
    ];
    for world in World::of_each_kind() {
        for (policy, [ours_later, theirs_later, removed]) in policies {
            let (parent, fork) = parted(&world).await;
            let merge = parent.merge(&fork.view(), policy()).await.unwrap();
            assert_eq!((merge.seq, merge.common), (12, 7));
            let conflicts: Vec<_> = merge
                .conflicts
                .iter()
                .map(|conflict| {
                    let read = |value: &Option<Payload>| {
                        value.as_ref().map(|value| value.decode::<u8>().unwrap())
                    };
                    let (ours, theirs) = (read(&conflict.ours), read(&conflict.theirs));
                    (conflict.key.as_str(), ours, theirs, read(&conflict.merged))
                })
                .collect();
            let expected = [
                ("ours-later", Some(4), Some(5), ours_later),
                ("removed", Some(8), None, removed),
                ("theirs-later", Some(6), Some(7), theirs_later),
            ];
            assert_eq!(conflicts, expected);
            let check = |bundle: &ContextBundle| {
                assert_eq!(value(bundle, "neither"), Some(0));
                assert_eq!(value(bundle, "ours"), Some(1));
                assert_eq!(value(bundle, "theirs"), Some(2));
                assert_eq!(value(bundle, "same"), Some(3));
                assert_eq!(value(bundle, "ours-later"), ours_later);
                assert_eq!(value(bundle, "theirs-later"), theirs_later);
                assert_eq!(value(bundle, "removed"), removed);
            };
            check(&parent);
            let id = parent.id();
            let written = parent.actions().await.unwrap().pop().unwrap().action;
            let Action::Merged { from, actions, head, values } = written else { panic!() };
            let theirs = fork.verify().await.unwrap();
            assert_eq!((from, actions, head), (fork.id(), theirs.actions, theirs.head));
            let in_conflict: Vec<_> =
                values.iter().filter(|value| value.is_conflict).map(|value| &value.key).collect();
            let changed =
                merge.conflicts.iter().filter(|conflict| conflict.merged != conflict.ours);
            assert_eq!(in_conflict, changed.map(|conflict| &conflict.key).collect::<Vec<_>>());
            drop(parent);
            check(&world.sessions.remount(id).await.unwrap());
            // The fork is as it was.
            assert_eq!(fork.verify().await.unwrap(), theirs);
        }
    }
}

#[tokio::test]
async fn a_value_that_the_fork_removed_is_removed() {
    for world in World::of_each_kind() {
        let parent = world.sessions.create(meta()).await.unwrap();
        set(&parent, "k", 1).await;
        let fork = parent.fork(Point::End, meta()).await.unwrap();
        fork.append(unset("k")).await.unwrap();
        fork.append(unset("never")).await.unwrap();
        let merge = parent.merge(&fork.view(), MergePolicy::Ours).await.unwrap();
        assert!(merge.conflicts.is_empty());
        assert_eq!(merge.values["k"], None);
        assert_eq!(value(&parent, "k"), None);
    }
}

#[tokio::test]
async fn what_was_merged_is_no_conflict_when_it_is_merged_again() {
    for world in World::of_each_kind() {
        let (parent, fork) = parted(&world).await;
        parent.merge(&fork.view(), MergePolicy::Theirs).await.unwrap();
        let again = parent.merge(&fork.view(), MergePolicy::Ours).await.unwrap();
        assert!(again.values.is_empty());
        assert!(again.conflicts.is_empty(), "{:?}", again.conflicts);
        assert_eq!((value(&parent, "ours"), value(&parent, "theirs-later")), (Some(1), Some(7)));
    }
}

#[tokio::test]
async fn siblings_are_merged_from_where_they_parted() {
    for world in World::of_each_kind() {
        let parent = world.sessions.create(meta()).await.unwrap();
        set(&parent, "k", 1).await;
        set(&parent, "l", 1).await;
        let left = parent.fork(1, meta()).await.unwrap();
        let right = parent.fork(Point::End, meta()).await.unwrap();
        set(&right, "m", 2).await;
        let merge = left.merge(&right.view(), MergePolicy::Ours).await.unwrap();
        assert_eq!(merge.common, 1);
        assert_eq!(merge.values.keys().collect::<Vec<_>>(), ["l", "m"]);
        assert_eq!((value(&left, "l"), value(&left, "m")), (Some(1), Some(2)));
    }
}

#[tokio::test]
async fn what_has_nothing_in_common_is_not_merged() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        set(&bundle, "k", 1).await;
        let other = world.sessions.create(meta()).await.unwrap();
        set(&other, "k", 2).await;
        let of_nothing = bundle.fork(0, meta()).await.unwrap();
        let before = bundle.verify().await.unwrap();
        for view in [other.view(), of_nothing.view(), bundle.view()] {
            let error = bundle.merge(&view, MergePolicy::Theirs).await.unwrap_err();
            assert!(matches!(error, BundleError::Unrelated { .. }), "{error}");
        }
        assert_eq!(bundle.verify().await.unwrap(), before);
    }
}

#[tokio::test]
async fn what_was_dropped_is_not_merged_as_if_it_had_not_been() {
    for world in World::of_each_kind() {
        let (parent, fork) = parted(&world).await;
        let refused = async |parent: &ContextBundle, view: SessionView| {
            let error = parent.merge(&view, MergePolicy::Theirs).await.unwrap_err();
            assert!(matches!(error, BundleError::Dropped { .. }), "{error}");
        };
        fork.compact(History::Drop).await.unwrap();
        refused(&parent, fork.view()).await;
        let (parent, fork) = parted(&world).await;
        parent.compact(History::Drop).await.unwrap();
        refused(&parent, fork.view()).await;
        // What both have in common is not needed for it.
        let fork = parent.fork(Point::End, meta()).await.unwrap();
        set(&fork, "theirs", 9).await;
        parent.merge(&fork.view(), MergePolicy::Ours).await.unwrap();
        assert_eq!(value(&parent, "theirs"), Some(9));
    }
}
