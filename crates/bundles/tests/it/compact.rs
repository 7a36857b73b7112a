//! Snapshots, compaction, and the runs whose journal a session is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_bundles::{
    Action, BundleError, Compacted, ContextBundle, History, MAX_ACTION_BYTES, Point, Redactor,
};
use maniple_core::{
    AgentError, BaseAgent, Effect, Fact, Journal, JournalError, Key, Record, Run, agent_fn,
};

use crate::world::{World, meta, note, payload, texts};

fn decided(name: &str) -> Record {
    let fact = Fact::Decided { value: payload("x") };
    Record { key: Key::new(name), worked: Duration::from_millis(3), fact }
}

/// Charges, ships, and waits between the two for somebody to approve.
fn order(
    charged: &Arc<AtomicUsize>,
    shipped: &Arc<AtomicUsize>,
) -> impl BaseAgent<Input = u64, Output = u64> {
    let (charged, shipped) = (Arc::clone(charged), Arc::clone(shipped));
    agent_fn("order", move |price: u64, cx| {
        let (charged, shipped) = (Arc::clone(&charged), Arc::clone(&shipped));
        async move {
            let charge = async move |price, _| {
                charged.fetch_add(1, Ordering::SeqCst);
                Ok(price * 2)
            };
            let paid: u64 = cx.step("charge", Effect::Irreversible, price, charge).await?;
            let approved: u64 = cx.signal("approval").await?;
            let ship = async move |paid, _| {
                shipped.fetch_add(1, Ordering::SeqCst);
                Ok(paid + approved)
            };
            cx.step("ship", Effect::Irreversible, paid, ship).await
        }
    })
}

async fn run_on(bundle: &Arc<ContextBundle>) -> Run {
    Run::builder("shop").with_journal(Arc::clone(bundle)).open().await.unwrap()
}

#[tokio::test]
async fn no_step_of_a_run_is_run_again_after_its_session_is_compacted() {
    for world in World::of_each_kind() {
        let (charged, shipped) = (Arc::default(), Arc::default());
        let bundle = Arc::new(world.sessions.create(meta()).await.unwrap());
        bundle.set("k", &1).await.unwrap();
        let run = run_on(&bundle).await;
        let stopped = run.execute(order(&charged, &shipped), 20).await.unwrap_err();
        assert!(matches!(stopped, AgentError::Suspended { .. }), "{stopped}");
        ContextBundle::append(&bundle, note("meanwhile")).await.unwrap();
        run.deliver(&run.awaited_signals()[0], &2).await.unwrap();
        drop(run);
        let records = bundle.load().await.unwrap();
        let compacted = bundle.compact(History::Drop).await.unwrap();
        assert_eq!(compacted.dropped, 2);
        assert_eq!(bundle.load().await.unwrap(), records);
        let id = Arc::into_inner(bundle).unwrap().id();

        let bundle = Arc::new(world.sessions.remount(id).await.unwrap());
        assert_eq!(bundle.actions().await.unwrap().len(), records.len());
        assert_eq!(bundle.get::<u8>("k").unwrap(), Some(1));
        let run = run_on(&bundle).await;
        assert_eq!(run.execute(order(&charged, &shipped), 20).await.unwrap(), 42);
        bundle.compact(History::Drop).await.unwrap();
        drop(run);
        let run = run_on(&bundle).await;
        assert_eq!(run.execute(order(&charged, &shipped), 20).await.unwrap(), 42);
        assert_eq!((charged.load(Ordering::SeqCst), shipped.load(Ordering::SeqCst)), (1, 1));
    }
}

#[tokio::test]
async fn a_run_goes_on_in_a_fork_from_where_it_was_there() {
    for world in World::of_each_kind() {
        let (charged, shipped) = (Arc::default(), Arc::default());
        let bundle = Arc::new(world.sessions.create(meta()).await.unwrap());
        let run = run_on(&bundle).await;
        run.execute(order(&charged, &shipped), 20).await.unwrap_err();
        let signal = run.awaited_signals()[0].clone();
        drop(run);
        let forks = [2, 3];
        for (fork, approved) in forks.iter().zip([2, 3]) {
            let fork = bundle.fork(Point::End, meta().with_label("n", fork.to_string()));
            let fork = Arc::new(fork.await.unwrap());
            let run = run_on(&fork).await;
            run.deliver(&signal, &approved).await.unwrap();
            assert_eq!(run.execute(order(&charged, &shipped), 20).await.unwrap(), 40 + approved);
        }
        assert_eq!((charged.load(Ordering::SeqCst), shipped.load(Ordering::SeqCst)), (1, 2));
        // The parent still waits.
        let run = run_on(&bundle).await;
        let stopped = run.execute(order(&charged, &shipped), 20).await.unwrap_err();
        assert!(matches!(stopped, AgentError::Suspended { .. }), "{stopped}");
        // Before it was begun it can be run with other input.
        let anew = Arc::new(bundle.fork(0, meta()).await.unwrap());
        let run = run_on(&anew).await;
        run.deliver(&signal, &1).await.unwrap();
        assert_eq!(run.execute(order(&charged, &shipped), 50).await.unwrap(), 101);
    }
}

#[tokio::test]
async fn records_are_loaded_in_order_among_other_actions() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        assert_eq!(bundle.load().await.unwrap(), []);
        let records = [decided("/a:x"), decided("/a:y"), decided("/a:x")];
        for record in &records {
            drop(Journal::append(&bundle, record.clone()));
            drop(ContextBundle::append(&bundle, note("between")));
        }
        assert_eq!(bundle.load().await.unwrap(), records);
        let id = { bundle }.id();
        let bundle = world.sessions.remount(id).await.unwrap();
        Journal::append(&bundle, decided("/b:z")).await.unwrap();
        let found = bundle.load().await.unwrap();
        assert_eq!(found[..3], records);
        assert_eq!(found[3], decided("/b:z"));
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_the_journal_and_nothing_else() {
    let world = World::in_memory();
    // Nobody need search so long a text.
    let sessions = world.sessions.with_redactor(Redactor::none());
    let bundle = sessions.create(meta()).await.unwrap();
    drop(Journal::append(&bundle, decided("/a:x")));
    let mut huge = decided("/a:y");
    huge.fact = Fact::Decided { value: payload(&"x".repeat(MAX_ACTION_BYTES)) };
    let refused = Journal::append(&bundle, huge);
    let late = Journal::append(&bundle, decided("/a:z"));
    for error in [refused.await.unwrap_err(), late.await.unwrap_err()] {
        assert!(matches!(error, JournalError::Stopped { .. }), "{error}");
        assert!(error.to_string().contains("keep the content elsewhere"), "{error}");
    }
    bundle.set("k", &1).await.unwrap();
    let id = { bundle }.id();
    let bundle = sessions.remount(id).await.unwrap();
    assert_eq!(bundle.load().await.unwrap(), [decided("/a:x")]);
    Journal::append(&bundle, decided("/a:z")).await.unwrap();
    bundle.close().await.unwrap();
    let error = Journal::append(&bundle, decided("/a:w")).await.unwrap_err();
    assert!(matches!(error, JournalError::Stopped { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_snapshot_is_reported_and_made_anew() {
    let world = World::in_files();
    let bundle = world.sessions.create(meta()).await.unwrap();
    bundle.set("k", &1).await.unwrap();
    bundle.snapshot().await.unwrap();
    bundle.set("l", &2).await.unwrap();
    let (id, state) = (bundle.id(), bundle.state().clone());
    drop(bundle);
    let path = world.dir().join(id.to_string()).join("snapshot.json");
    let intact = std::fs::read(&path).unwrap();
    for at in [0, 40, intact.len() / 2, intact.len() - 1] {
        let mut damaged = intact.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let bundle = world.sessions.remount(id).await.unwrap();
        let why = bundle.bad_snapshot().unwrap();
        assert!(matches!(why, BundleError::Damaged { path: at, .. } if *at == path), "{why}");
        assert_eq!(*bundle.state(), state);
        assert_eq!(bundle.view().state(Point::End).await.unwrap(), state);
        bundle.snapshot().await.unwrap();
        drop(bundle);
        assert!(world.sessions.remount(id).await.unwrap().bad_snapshot().is_none());
    }
    // One that is lost is no damage: the log says everything.
    std::fs::remove_file(&path).unwrap();
    let bundle = world.sessions.remount(id).await.unwrap();
    assert!(bundle.bad_snapshot().is_none());
    assert_eq!(*bundle.state(), state);
}

#[tokio::test]
async fn dropping_the_history_keeps_what_it_came_to_and_what_follows() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        let nothing = bundle.compact(History::Drop).await.unwrap();
        assert_eq!(nothing.dropped, 0);
        for n in 0..20_u8 {
            bundle.set(format!("k{}", n % 3), &n).await.unwrap();
        }
        bundle.append(note("x".repeat(10_000))).await.unwrap();
        let (before, state) = (bundle.verify().await.unwrap(), bundle.state().clone());
        assert_eq!(bundle.compact(History::Keep).await.unwrap().dropped, 0);
        assert_eq!(bundle.verify().await.unwrap(), before);
        assert_eq!(bundle.compact(History::Drop).await.unwrap().dropped, 21);
        let after = bundle.verify().await.unwrap();
        // Whoever kept the head can follow the chain from there.
        assert_eq!((after.actions, after.head, after.blobs), (before.actions, before.head, 0));
        assert_eq!(*bundle.state(), state);
        assert_eq!(bundle.append(note("after")).await.unwrap(), 21);
        let Compacted { dropped, .. } = bundle.compact(History::Drop).await.unwrap();
        assert_eq!(dropped, 1);
        bundle.append(note("last")).await.unwrap();
        let id = { bundle }.id();
        let bundle = world.sessions.remount(id).await.unwrap();
        assert_eq!(bundle.state().values(), state.values());
        assert_eq!(texts(&bundle.actions().await.unwrap()), ["last"]);
        assert_eq!(bundle.verify().await.unwrap().actions, 23);
    }
}

#[tokio::test]
async fn blobs_go_with_the_last_action_that_needs_them() {
    let world = World::in_files();
    let blobs = |bundle: &ContextBundle| {
        let dir = world.dir().join(bundle.id().to_string()).join("blobs");
        std::fs::read_dir(dir).unwrap().count()
    };
    let bundle = world.sessions.create(meta()).await.unwrap();
    let (shared, own) = ("a".repeat(5000), "b".repeat(5000));
    for text in [&shared, &own, &shared] {
        bundle.append(note(text)).await.unwrap();
    }
    assert_eq!(blobs(&bundle), 2);
    let fork = bundle.fork(1, meta()).await.unwrap();
    bundle.compact(History::Drop).await.unwrap();
    assert_eq!(blobs(&bundle), 1);
    assert_eq!(texts(&fork.actions().await.unwrap()), [shared]);
    let fork = { fork }.id();
    world.sessions.delete(fork, "done").await.unwrap();
    bundle.compact(History::Drop).await.unwrap();
    assert_eq!(blobs(&bundle), 0);
    assert_eq!(bundle.actions().await.unwrap(), []);
}

#[tokio::test]
async fn a_checkpoint_whose_place_was_dropped_is_told() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.checkpoint("early").await.unwrap();
        bundle.append(Action::Unset { key: "k".into() }).await.unwrap();
        bundle.compact(History::Drop).await.unwrap();
        bundle.checkpoint("late").await.unwrap();
        bundle.set("k", &1).await.unwrap();
        let error = bundle.fork("early", meta()).await.unwrap_err();
        assert!(matches!(error, BundleError::Dropped { asked: 1, .. }), "{error}");
        let late = bundle.fork("late", meta()).await.unwrap();
        assert_eq!(late.get::<u8>("k").unwrap(), None);
        assert_eq!(late.actions().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_is_compacted_while_it_is_forked_keeps_what_the_fork_shares() {
    for _ in 0..20 {
        for world in World::of_each_kind() {
            let parent = world.sessions.create(meta()).await.unwrap();
            for text in ["a", "b", "c", "d"] {
                parent.append(note(text)).await.unwrap();
            }
            let (fork, compacted) =
                futures::join!(parent.fork(2, meta()), parent.compact(History::Drop));
            let fork = fork.unwrap();
            assert_eq!(compacted.unwrap().dropped, 2);
            assert_eq!(texts(&fork.actions().await.unwrap()), ["a", "b"]);
        }
    }
}
