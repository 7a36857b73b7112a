use maniple_bundles::{Action, Durability, MemoryStore, Meta, Sessions};

async fn life(sessions: Sessions) {
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
}

#[tokio::test]
async fn it_lives() {
    life(Sessions::new(MemoryStore::new())).await;
    let dir = tempfile::tempdir().unwrap();
    life(Sessions::in_dir(dir.path())).await;
    life(Sessions::in_dir(dir.path().join("b")).with_durability(Durability::Buffered)).await;
    let out = std::process::Command::new("sh").arg("-c").arg("for f in $(find . -type f | sort); do echo \"== $f\"; head -c 1500 $f; done").current_dir(dir.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&out.stdout));
}
