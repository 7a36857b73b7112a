//! What is read of a session, whoever writes it: its state at a point, differences, new actions.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use maniple_bundles::{Action, BundleError, History, Point, TaskStatus};
use maniple_core::{Fact, Key, Record};

use crate::watched::{Shown, Watched};
use crate::world::{World, meta, note, payload, texts};

fn record() -> Action {
    let fact = Fact::Decided { value: payload(&1) };
    Action::Journal(Record { key: Key::new("/a:x"), worked: Duration::ZERO, fact })
}

#[tokio::test]
async fn the_state_at_a_point_is_that_of_the_actions_before_it() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.set("k", &1).await.unwrap();
        bundle.checkpoint("here").await.unwrap();
        bundle.set("k", &2).await.unwrap();
        bundle.snapshot().await.unwrap();
        let status = TaskStatus::Open;
        let task = Action::Task { name: "t".into(), status, detail: "d".into() };
        bundle.append(task).await.unwrap();
        bundle.append(Action::Result { value: payload("r") }).await.unwrap();
        bundle.checkpoint("here").await.unwrap();
        bundle.append(Action::Unset { key: "k".into() }).await.unwrap();

        let view = bundle.view();
        let value = async |at: Point| view.state(at).await.unwrap().get::<u8>("k").unwrap();
        assert_eq!(value(0.into()).await, None);
        assert_eq!(value(1.into()).await, Some(1));
        assert_eq!(value(2.into()).await, Some(1));
        assert_eq!(value(3.into()).await, Some(2));
        assert_eq!(value("here".into()).await, Some(2));
        assert_eq!(value(Point::End).await, None);
        let state = view.state("here").await.unwrap();
        assert_eq!(state.result(), Some(&payload("r")));
        assert_eq!(state.open_tasks().map(|(name, _)| name).collect::<Vec<_>>(), ["t"]);
        assert_eq!(state.checkpoints()["here"], 5);
        assert_eq!(&view.state(Point::End).await.unwrap(), &*bundle.state());

        let error = view.state(8).await.unwrap_err();
        assert!(matches!(error, BundleError::OutOfRange { actions: 7, asked: 8, .. }), "{error}");
        let error = view.state("there").await.unwrap_err();
        assert!(matches!(error, BundleError::NoCheckpoint { .. }), "{error}");
    }
}

#[tokio::test]
async fn no_state_is_made_up_for_a_point_between_dropped_actions() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.set("k", &1).await.unwrap();
        bundle.append(record()).await.unwrap();
        bundle.set("l", &2).await.unwrap();
        bundle.set("m", &3).await.unwrap();
        bundle.compact(History::Drop).await.unwrap();
        bundle.append(record()).await.unwrap();
        for asked in [1, 2, 3] {
            let error = bundle.view().state(asked).await.unwrap_err();
            assert!(matches!(error, BundleError::Dropped { .. }), "{asked}: {error}");
            let error = bundle.fork(asked, meta()).await.unwrap_err();
            assert!(matches!(error, BundleError::Dropped { .. }), "{asked}: {error}");
        }
        let state = bundle.view().state(4).await.unwrap();
        assert_eq!((state.values().len(), state.journal_records()), (3, 1));
        assert_eq!(bundle.view().state(Point::End).await.unwrap().journal_records(), 2);
    }
}

#[tokio::test]
async fn the_history_of_a_value_is_all_that_it_was() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        let long = "x".repeat(10_000);
        bundle.set("k", &long).await.unwrap();
        bundle.set("l", &1).await.unwrap();
        bundle.append(Action::Unset { key: "k".into() }).await.unwrap();
        let fork = bundle.fork(Point::End, meta()).await.unwrap();
        fork.set("k", "merged").await.unwrap();
        bundle.merge(&fork.view(), maniple_bundles::MergePolicy::Theirs).await.unwrap();
        let expected = [(0, Some(payload(&long))), (2, None), (3, Some(payload("merged")))];
        assert_eq!(bundle.history("k").await.unwrap(), expected);
        assert_eq!(bundle.history("l").await.unwrap(), [(1, Some(payload(&1)))]);
        assert_eq!(bundle.history("m").await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_difference_is_what_each_has_for_itself() {
    for world in World::of_each_kind() {
        let parent = world.sessions.create(meta()).await.unwrap();
        parent.set("k", &1).await.unwrap();
        parent.set("l", &1).await.unwrap();
        let left = parent.fork(1, meta()).await.unwrap();
        left.append(note("left")).await.unwrap();
        let right = parent.fork(Point::End, meta()).await.unwrap();
        right.set("k", &2).await.unwrap();
        parent.append(note("parent")).await.unwrap();

        let diff = parent.view().diff(&right.view()).await.unwrap();
        assert_eq!((diff.common, texts(&diff.left)), (2, vec!["parent"]));
        assert_eq!(diff.right, right.actions().await.unwrap()[2..]);
        let keys: Vec<_> = diff.values.keys().collect();
        assert_eq!(keys, ["k"]);
        assert_eq!(diff.values["k"].left, Some(payload(&1)));
        assert_eq!(diff.values["k"].right, Some(payload(&2)));

        // Of siblings, up to where the first was forked.
        let diff = left.view().diff(&right.view()).await.unwrap();
        assert_eq!((diff.common, diff.left.len(), diff.right.len()), (1, 1, 2));
        assert_eq!(diff.values["l"].left, None);

        let same = right.view().diff(&right.view()).await.unwrap();
        assert_eq!((same.common, same.left, same.right), (3, vec![], vec![]));
        assert!(same.values.is_empty());

        let other = world.sessions.create(meta()).await.unwrap();
        other.set("k", &1).await.unwrap();
        let diff = other.view().diff(&left.view()).await.unwrap();
        assert_eq!((diff.common, diff.left.len(), diff.right.len()), (0, 1, 2));
        assert!(diff.values.is_empty(), "{:?}", diff.values);
    }
}

#[tokio::test]
async fn whoever_reads_while_the_history_is_dropped_finds_no_damage() {
    for before in [Shown::Lines, Shown::Blob] {
        let (watched, _) = Watched::new();
        let gate = watched.gate();
        let bundle = maniple_bundles::Sessions::new(watched).create(meta()).await.unwrap();
        let bundle = Arc::new(bundle);
        bundle.set("k", &1).await.unwrap();
        bundle.snapshot().await.unwrap();
        bundle.set("long", &"b".repeat(5000)).await.unwrap();
        let (state, view) = (bundle.state().clone(), bundle.view());
        let compacted = Arc::clone(&bundle);
        gate.interrupt(before, move || {
            block_on(compacted.compact(History::Drop)).unwrap();
        });
        // The snapshot that it begins with is before what is dropped.
        assert_eq!(view.state(Point::End).await.unwrap(), state);
        assert!(gate.was_interrupted());

        bundle.append(note("c".repeat(5000))).await.unwrap();
        bundle.append(note("d")).await.unwrap();
        let compacted = Arc::clone(&bundle);
        gate.interrupt(before, move || {
            block_on(compacted.compact(History::Drop)).unwrap();
        });
        assert_eq!(view.actions(0).await.unwrap(), []);
        assert!(gate.was_interrupted());
    }
}

#[tokio::test]
async fn a_tail_shows_what_another_handle_appends() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        for text in ["a", "b"] {
            bundle.append(note(text)).await.unwrap();
        }
        let view = world.sessions.view(bundle.id()).await.unwrap();
        let mut tail = view.tail(1);
        let mut next = async || tail.next().await.unwrap().unwrap();
        assert_eq!(texts(&[next().await]), ["b"]);
        bundle.append(note("c".repeat(10_000))).await.unwrap();
        assert_eq!(texts(&[next().await]), ["c".repeat(10_000)]);
        bundle.close().await.unwrap();
        let bundle = world.sessions.remount(bundle.id()).await.unwrap();
        bundle.append(note("d")).await.unwrap();
        let entry = next().await;
        assert_eq!((entry.seq, texts(&[entry])), (3, vec!["d"]));
    }
}

#[tokio::test]
async fn a_tail_goes_on_behind_what_is_dropped() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.append(note("a")).await.unwrap();
        let mut tail = bundle.view().tail(0);
        assert_eq!(texts(&[tail.next().await.unwrap().unwrap()]), ["a"]);
        // Before it looks again.
        bundle.append(note("b")).await.unwrap();
        bundle.compact(History::Drop).await.unwrap();
        bundle.append(record()).await.unwrap();
        bundle.append(note("c")).await.unwrap();
        let mut found = Vec::new();
        while found.last() != Some(&3) {
            found.push(tail.next().await.unwrap().unwrap().seq);
        }
        // It may have looked between the two.
        assert!(matches!(found[..], [2, 3] | [1, 2, 3]), "{found:?}");
    }
}

#[tokio::test]
async fn a_tail_ends_when_the_session_is_deleted() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.append(note("a")).await.unwrap();
        let mut tail = bundle.view().tail(0);
        assert!(tail.next().await.unwrap().is_ok());
        let id = { bundle }.id();
        world.sessions.delete(id, "done").await.unwrap();
        let end = tail.next().await.unwrap();
        assert!(matches!(end, Err(BundleError::Deleted { .. })), "{end:?}");
        assert!(tail.next().await.is_none());
    }
}

#[tokio::test]
async fn a_tail_that_is_dropped_lets_go_of_its_store() {
    let (watched, gone) = Watched::new();
    let sessions = maniple_bundles::Sessions::new(watched);
    let bundle = sessions.create(meta()).await.unwrap();
    bundle.append(note("a")).await.unwrap();
    let mut tail = bundle.view().tail(0);
    assert!(tail.next().await.unwrap().is_ok());
    drop((sessions, bundle));
    drop(tail);
    // Nothing is ever sent: this waits until the last handle of the store is dropped.
    assert!(gone.recv().is_err());
}
