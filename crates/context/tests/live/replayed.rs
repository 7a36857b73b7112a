//! Compactions as steps of a run.

use std::sync::{Arc, Mutex};

use maniple_context::reducers::Selection;
use maniple_context::{ContextOptimizer, Handle, LiveContext, MemoryRecall, RecallStore, Segment};
use maniple_core::{AgentError, Class, Journal, MemoryJournal, Run, RunContext, agent_fn};

use crate::failing::Failing;
use crate::transcripts::{Words, optimizer, transcript};

const WINDOW: usize = 1_000;
const TURNS: usize = 80;

/// What one process has sent, and how often it had compacted by then.
#[derive(Debug, Default, Clone, PartialEq)]
struct Sent {
    turns: Vec<Vec<Segment>>,
    compactions: usize,
    failures: usize,
}

/// Sends a transcript turn by turn. It never ends for good, so that another process goes on with it.
async fn process(journal: &MemoryJournal, optimizer: Arc<ContextOptimizer>) -> Sent {
    let sent = Arc::new(Mutex::new(Sent::default()));
    let (noted, optimizer) = (Arc::clone(&sent), optimizer);
    let agent = agent_fn("agent", move |(): (), cx: RunContext| {
        let (noted, optimizer) = (Arc::clone(&noted), Arc::clone(&optimizer));
        async move {
            let mut live = LiveContext::new(optimizer);
            for batch in transcript(41, TURNS, WINDOW) {
                batch.into_iter().try_for_each(|segment| live.push(segment))?;
                let before = live.snapshot();
                // Its store may fail now and then.
                let (segments, is_compacted) = loop {
                    match live.turn_in(None, &cx).await {
                        Ok(turn) => break (turn.segments.to_vec(), turn.compaction.is_some()),
                        Err(failed) if failed.class() == Class::Transient => {
                            noted.lock().unwrap().failures += 1;
                        }
                        Err(failed) => return Err(failed),
                    }
                    assert_eq!(live.snapshot(), before);
                };
                let mut noted = noted.lock().unwrap();
                noted.compactions += usize::from(is_compacted);
                noted.turns.push(segments);
            }
            Err::<(), _>(AgentError::transient("the process is gone"))
        }
    });
    let run = Run::builder("run").with_journal(journal.clone()).open().await.unwrap();
    let error = run.execute(agent, ()).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error}");
    sent.lock().unwrap().clone()
}

fn assert_recallable(optimizer: &ContextOptimizer, last: &[Segment]) {
    let pushed = transcript(41, TURNS, WINDOW).concat();
    let gone = pushed.iter().filter(|pushed| {
        !last.iter().any(|now| now.id() == pushed.id() && now.text() == pushed.text())
    });
    let mut count = 0;
    for segment in gone {
        assert_eq!(optimizer.recall(&Handle::of(segment.text())).unwrap(), *segment.text());
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[tokio::test]
async fn a_process_with_another_memory_sends_what_was_sent() {
    let journal = MemoryJournal::new();
    let first = process(&journal, optimizer(WINDOW)).await;
    assert!(first.compactions >= 3);
    let records = journal.load().await.unwrap().len();
    // The start of the run, the end of this attempt at it, and intent and receipt of each compaction.
    assert!(records >= 2 * first.compactions && records <= 2 * first.compactions + 4, "{records}");

    let fresh = optimizer(WINDOW);
    let second = process(&journal, Arc::clone(&fresh)).await;
    assert!(first == second);
    assert_recallable(&fresh, second.turns.last().unwrap());
    // The markers in the text, too, for whoever reads them.
    let markers = second.turns.iter().flatten().flat_map(|segment| {
        maniple_context::Marker::all_in(segment.text())
            .map(|(_, marker)| marker)
            .collect::<Vec<_>>()
    });
    let mut count = 0;
    for marker in markers {
        assert!(marker.is_known(&**fresh.recall_store()).unwrap(), "{marker}");
        count += 1;
    }
    assert!(count > 0);
}

#[tokio::test]
async fn what_was_recorded_holds_whatever_this_version_would_do() {
    let journal = MemoryJournal::new();
    let first = process(&journal, optimizer(WINDOW)).await;
    let other = || {
        let builder = ContextOptimizer::builder(Arc::new(Words), WINDOW);
        Arc::new(builder.with_reducer(Selection::of_segments()).build().unwrap())
    };
    assert!(first != process(&MemoryJournal::new(), other()).await);
    let changed = other();
    let second = process(&journal, Arc::clone(&changed)).await;
    assert!(first == second);
    assert_recallable(&changed, second.turns.last().unwrap());
}

#[tokio::test]
async fn a_turn_that_was_asked_for_again_is_replayed_too() {
    let journal = MemoryJournal::new();
    let failing = ContextOptimizer::builder(Arc::new(Words), WINDOW);
    let failing = failing.with_recall_store(Arc::new(Failing::new(9))).build().unwrap();
    let first = process(&journal, Arc::new(failing)).await;
    assert!(first.failures > 2 && first.compactions > first.failures, "{}", first.failures);
    let second = process(&journal, optimizer(WINDOW)).await;
    assert!(first.turns == second.turns);
    assert_eq!((second.compactions, second.failures), (first.compactions, 0));
}

#[tokio::test]
async fn a_turn_and_a_turn_in_a_run_are_one() {
    let mut live = LiveContext::new(optimizer(WINDOW));
    let mut turns = Vec::new();
    for batch in transcript(41, TURNS, WINDOW) {
        batch.into_iter().try_for_each(|segment| live.push(segment)).unwrap();
        turns.push(live.turn(None).unwrap().segments.to_vec());
    }
    assert!(process(&MemoryJournal::new(), optimizer(WINDOW)).await.turns == turns);
}

#[tokio::test]
async fn without_a_compaction_there_is_no_step() {
    let journal = MemoryJournal::new();
    let sent = process(&journal, optimizer(1_000_000)).await;
    assert_eq!((sent.compactions, sent.turns.len()), (0, TURNS));
    assert!(journal.load().await.unwrap().len() <= 3);
}

#[tokio::test]
async fn a_snapshot_in_a_journal_goes_on_where_it_was() {
    let batches = transcript(43, 60, WINDOW);
    let run = Run::builder("run").open().await.unwrap();
    let cx = run.context();
    let mut whole = LiveContext::new(optimizer(WINDOW));
    let mut kept = None;
    for batch in &batches[..40] {
        batch.iter().try_for_each(|segment| whole.push(segment.clone())).unwrap();
        if whole.turn_in(None, &cx).await.unwrap().compaction.is_some() {
            kept = Some((cx.decide("context", || whole.snapshot()).await.unwrap(), Vec::new()));
        } else if let Some((_, since)) = &mut kept {
            since.push(batch.clone());
        }
    }
    let (snapshot, since) = kept.unwrap();
    let mut restored = LiveContext::restore(Arc::clone(whole.optimizer()), snapshot).unwrap();
    for batch in since.iter().chain(&batches[40..]) {
        batch.iter().try_for_each(|segment| restored.push(segment.clone())).unwrap();
        restored.turn(None).unwrap();
    }
    for batch in &batches[40..] {
        batch.iter().try_for_each(|segment| whole.push(segment.clone())).unwrap();
        whole.turn(None).unwrap();
    }
    assert_eq!(restored.snapshot(), whole.snapshot());
}

/// The optimizer of a later version, which makes other choices.
fn later(store: Arc<dyn RecallStore>) -> Arc<ContextOptimizer> {
    let builder = ContextOptimizer::builder(Arc::new(Words), WINDOW);
    let builder = builder.with_reducer(Selection::of_segments());
    Arc::new(builder.with_recall_store(store).build().unwrap())
}

#[tokio::test]
async fn a_later_version_sends_what_was_sent_although_the_store_failed_before_it() {
    let journal = MemoryJournal::new();
    let failing = ContextOptimizer::builder(Arc::new(Words), WINDOW);
    let failing = failing.with_recall_store(Arc::new(Failing::new(9))).build().unwrap();
    let first = process(&journal, Arc::new(failing)).await;
    assert!(first.failures > 2);
    let second = process(&journal, later(Arc::new(MemoryRecall::new()))).await;
    assert!(first.turns == second.turns);
    assert_eq!(second.failures, 0);
}

#[tokio::test]
async fn a_later_version_sends_what_was_sent_although_its_store_fails() {
    let journal = MemoryJournal::new();
    let first = process(&journal, optimizer(WINDOW)).await;
    let records = journal.load().await.unwrap().len();
    let second = process(&journal, later(Arc::new(Failing::new(101)))).await;
    assert!(first.turns == second.turns && second.failures > 1, "{}", second.failures);
    // But for the end of the second attempt, nothing was added.
    assert!(journal.load().await.unwrap().len() <= records + 2);
}
