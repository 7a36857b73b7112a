//! A process that starts goes on with the runs that earlier ones have left.

use maniple_core::{
    AgentError, Class, Effect, Fact, Key, MemoryRunStore, Run, RunContext, RunStore, RunStoreError,
    UnfinishedRun, agent_fn,
};

async fn open(store: &MemoryRunStore, name: &str) -> Run {
    let journal = store.open(name).await.unwrap();
    Run::builder(name).with_journal(journal).open().await.unwrap()
}

/// Ends in the way of its name.
async fn work(name: String, cx: RunContext) -> Result<u32, AgentError> {
    match name.as_str() {
        "returns" => Ok(1),
        "fails for good" => Err(AgentError::permanent("no")),
        "fails for now" => Err(AgentError::transient("not now")),
        "panics" => std::panic::resume_unwind(Box::new("it panics")),
        "parks" => {
            let lost = |(), _| async { Err(AgentError::new(Class::Indeterminate, "lost")) };
            cx.step("lost", Effect::Irreversible, (), lost).await
        }
        "waits" => cx.signal("go").await,
        other => panic!("there is no way of the name {other}"),
    }
}

const WAYS: [(&str, bool); 6] = [
    ("fails for good", false),
    ("fails for now", true),
    ("panics", true),
    ("parks", true),
    ("returns", false),
    ("waits", true),
];

#[tokio::test(start_paused = true)]
async fn a_run_that_has_not_ended_for_good_is_unfinished() {
    let store = MemoryRunStore::new();
    for (way, _) in WAYS {
        let run = open(&store, way).await;
        let _ = run.execute(agent_fn("work", work), way.to_owned()).await;
    }
    for (way, is_listed) in WAYS {
        let run = open(&store, way).await.id().clone();
        let unfinished = UnfinishedRun { name: way.into(), run: Some(run) };
        assert_eq!(
            store.list_unfinished().await.unwrap().contains(&unfinished),
            is_listed,
            "{way}"
        );
    }
    // As the next process goes on with them.
    for unfinished in store.list_unfinished().await.unwrap() {
        let run = open(&store, &unfinished.name).await;
        assert_eq!(Some(run.id()), unfinished.run.as_ref());
        run.deliver(&Key::new("/work!go"), &1).await.unwrap();
        let _ = run.execute(agent_fn("work", work), unfinished.name.to_string()).await;
    }
    let left = store.list_unfinished().await.unwrap();
    let left: Vec<&str> = left.iter().map(|unfinished| &*unfinished.name).collect();
    assert_eq!(left, ["fails for now", "panics", "parks"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_in_use_until_all_of_it_is_gone() {
    let store = MemoryRunStore::new();
    let run = open(&store, "run").await;
    let cx = run.context();
    let in_use = async || matches!(store.open("run").await, Err(RunStoreError::InUse { .. }));
    assert!(in_use().await);
    let error = AgentError::from(store.open("run").await.unwrap_err());
    assert_eq!(error.class(), Class::Transient, "{error}");
    drop(run);
    assert!(in_use().await, "a context may still write");
    drop(cx);
    assert!(!in_use().await);
}

#[test]
fn what_does_not_begin_as_a_run_does_is_listed_and_not_known() {
    let record =
        |fact| maniple_core::Record { key: Key::new(""), worked: std::time::Duration::ZERO, fact };
    assert_eq!(UnfinishedRun::of("a", &[]), None);
    let unknown = UnfinishedRun { name: "a".into(), run: None };
    assert_eq!(UnfinishedRun::of("a", &[record(Fact::Finished { error: None })]), Some(unknown));
}
