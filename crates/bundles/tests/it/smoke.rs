use maniple_bundles::{
    Action, Durability, Filter, History, MemoryStore, MergePolicy, Meta, Sessions, TaskStatus,
};
use std::io::Cursor;
use std::sync::{Arc, Mutex};

async fn life(sessions: Sessions, other: Sessions) {
    let bundle = sessions.create(Meta::new("a")).await.unwrap();
    let id = bundle.id();
    for n in 0..10 {
        assert_eq!(bundle.append(Action::Note { text: format!("note {n}") }).await.unwrap(), n);
    }
    bundle.set("k", &"x".repeat(10_000)).await.unwrap();
    assert_eq!(bundle.get::<String>("k").unwrap().unwrap().len(), 10_000);
    bundle.snapshot().await.unwrap();
    bundle.set("l", &1).await.unwrap();
    println!("{:?}", bundle.verify().await.unwrap());
    drop(bundle);
    let bundle = sessions.remount(id).await.unwrap();
    assert_eq!(bundle.recovered(), None);
    assert_eq!(bundle.get::<u8>("l").unwrap(), Some(1));
    assert_eq!(bundle.actions().await.unwrap().len(), 12);
    bundle.set("l", &2).await.unwrap();
    bundle.close().await.unwrap();
    let bundle = sessions.open_or_create(Meta::new("a")).await.unwrap();
    assert_eq!(bundle.id(), id);
    assert_eq!(bundle.get::<u8>("l").unwrap(), Some(2));

    bundle.checkpoint("here").await.unwrap();
    let at_12 = bundle.fork(12, Meta::new("old")).await.unwrap();
    assert_eq!(at_12.get::<u8>("l").unwrap(), Some(1));
    at_12.set("m", &3).await.unwrap();
    at_12.close().await.unwrap();
    let at_12 = sessions.remount(at_12.id()).await.unwrap();
    assert_eq!(at_12.actions().await.unwrap().len(), 13);
    println!("{:?}", at_12.verify().await.unwrap());

    let fork = bundle.fork("here", Meta::new("fork")).await.unwrap();
    fork.set("l", &7).await.unwrap();
    fork.set("n", &7).await.unwrap();
    bundle.set("l", &8).await.unwrap();
    let grand = fork.fork(5, Meta::new("grand")).await.unwrap();
    assert_eq!(grand.parent().unwrap().from, id);
    println!("{:?}", grand.verify().await.unwrap());
    grand
        .append(Action::Task { name: "t".into(), status: TaskStatus::Open, detail: String::new() })
        .await
        .unwrap();
    println!("{:?}", grand.verify().await.unwrap());
    let diff = bundle.view().diff(&fork.view()).await.unwrap();
    assert_eq!((diff.common, diff.left.len(), diff.right.len()), (14, 1, 2));
    assert_eq!(diff.values.len(), 2);
    let merge = bundle.merge(&fork.view(), MergePolicy::Theirs).await.unwrap();
    assert_eq!(merge.conflicts.len(), 1);
    assert_eq!(bundle.get::<u8>("l").unwrap(), Some(7));
    assert_eq!(bundle.get::<u8>("n").unwrap(), Some(7));

    let out = Shared::default();
    let exported = fork.view().export(out.clone()).await.unwrap();
    println!("{exported:?}");
    let bytes = out.0.lock().unwrap().clone();
    let imported = other.import(Cursor::new(bytes.clone())).await.unwrap();
    assert_eq!(imported, fork.id());
    let again = other.import(Cursor::new(bytes)).await.unwrap_err();
    println!("{again}");
    let copy = other.remount(imported).await.unwrap();
    assert_eq!(copy.actions().await.unwrap(), fork.actions().await.unwrap());
    copy.set("o", &1).await.unwrap();
    println!("{:?}", copy.verify().await.unwrap());

    let refused = sessions.delete(id, "x").await.unwrap_err();
    println!("{refused}");
    println!("{:?}", bundle.compact(History::Keep).await.unwrap());
    println!("{:?}", bundle.compact(History::Drop).await.unwrap());
    println!("{:?}", bundle.verify().await.unwrap());
    fork.close().await.unwrap();
    drop((grand, at_12));
    for child in sessions.list(&Filter::all().forked_from(id)).await.unwrap() {
        sessions.delete(child.id, "done").await.unwrap();
    }
    let state = bundle.state().clone();
    println!("{:?}", bundle.compact(History::Drop).await.unwrap());
    println!("{:?}", bundle.verify().await.unwrap());
    bundle.set("p", &1).await.unwrap();
    println!("{:?}", bundle.compact(History::Drop).await.unwrap());
    println!("{:?}", bundle.verify().await.unwrap());
    assert_eq!(bundle.actions().await.unwrap().len(), 0);
    bundle.close().await.unwrap();
    let bundle = sessions.remount(id).await.unwrap();
    assert_eq!(bundle.get::<u8>("p").unwrap(), Some(1));
    assert_eq!(bundle.state().tasks(), state.tasks());
    assert_eq!(
        bundle.view().state(maniple_bundles::Point::End).await.unwrap(),
        bundle.state().clone()
    );
    println!("{}", bundle.view().state(3).await.unwrap_err());
    drop(bundle);
    sessions.delete(id, "x").await.unwrap();
    assert!(sessions.list(&Filter::all()).await.unwrap().is_empty());
    assert_eq!(sessions.deleted().await.unwrap().len(), 4);
    println!("{:?}", sessions.collect_garbage().await.unwrap());
    println!("{}", sessions.remount(id).await.unwrap_err());
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn it_lives() {
    let memory = || Sessions::new(MemoryStore::new());
    life(memory(), memory()).await;
    println!("-- files");
    let dir = tempfile::tempdir().unwrap();
    let in_dir = |name: &str| Sessions::in_dir(dir.path().join(name));
    life(in_dir("a"), in_dir("b")).await;
    println!("-- files buffered");
    life(in_dir("c").with_durability(Durability::Buffered), in_dir("d")).await;
    let out = std::process::Command::new("find").arg(".").current_dir(dir.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&out.stdout));
}

#[tokio::test]
async fn runs() {
    let memory = MemoryStore::new();
    maniple_core::testkit::check_run_store(|| async { Sessions::new(memory.clone()) }).await;
    let dir = tempfile::tempdir().unwrap();
    maniple_core::testkit::check_run_store(|| async { Sessions::in_dir(dir.path()) }).await;
}
