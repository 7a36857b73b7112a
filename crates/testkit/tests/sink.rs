//! A recording sink has all that a run has said since it listens, or says that it has not.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use maniple_core::{EventKind, Lost, Progress, Run, RunContext, agent_fn};
use maniple_testkit::RecordingSink;

async fn tell(run: &Run, times: u64) {
    let tells = agent_fn("tells", move |(): (), cx: RunContext| async move {
        for done in 0..times {
            cx.progress(|| Progress { done, ..Progress::default() });
        }
        Ok(())
    });
    run.execute(tells, ()).await.unwrap();
}

#[tokio::test]
async fn what_was_said_is_there_in_order() {
    // More than a task may take at once.
    let run = Run::builder("test").with_event_buffer(4096).open().await.unwrap();
    let mut sink = RecordingSink::listening_to(&run);
    assert_eq!(sink.drain().unwrap(), []);
    tell(&run, 1000).await;
    sink.drain().unwrap();
    let told = sink.about("/tells").unwrap();
    let done = told.iter().filter_map(|kind| match kind {
        EventKind::Progress(progress) => Some(progress.done),
        _ => None,
    });
    assert_eq!(done.collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    assert!(matches!(told[0], EventKind::Started));
    assert!(matches!(told[1001], EventKind::Finished { error: None }));
    assert!(sink.about("/others").unwrap().is_empty());
}

#[tokio::test]
async fn all_is_there_when_the_run_is_gone() {
    let run = Run::builder("test").open().await.unwrap();
    let mut sink = RecordingSink::listening_to(&run);
    let (recorded, ()) = futures::future::join(sink.until_gone(), async {
        tell(&run, 3).await;
        drop(run);
    })
    .await;
    assert_eq!(recorded.unwrap().len(), 5);
}

#[tokio::test]
async fn what_was_missed_is_not_overlooked() {
    let run = Run::builder("test").with_event_buffer(8).open().await.unwrap();
    let mut sink = RecordingSink::listening_to(&run);
    tell(&run, 18).await;
    assert_eq!(sink.drain(), Err(Lost(12)));
    tell(&run, 1).await;
    assert_eq!(sink.drain(), Err(Lost(12)));
    assert_eq!(sink.about("/tells"), Err(Lost(12)));
    drop(run);
    assert_eq!(sink.until_gone().await, Err(Lost(12)));
}
