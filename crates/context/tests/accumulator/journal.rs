//! Findings in the journals of runs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_context::{AccumulatorError, ContextAccumulator, Finding, Topic};
use maniple_core::{
    AgentError, BaseAgent, Class, Classify, Effect, Fact, Journal, JournalError, MemoryJournal,
    Payload, Record, Run, RunContext, agent_fn,
};
use proptest::prelude::*;

use crate::findings::{findings, found};

fn finding(topic: Topic, phase: &str, text: impl Into<Arc<str>>) -> Finding {
    Finding::new(topic, phase, text)
}

/// Three phases, each of which finds something else whenever it is asked, and decides on other things.
/// The first finds the more the earlier it is asked.
fn phases(asked: Arc<AtomicUsize>) -> impl BaseAgent<Input = (), Output = ContextAccumulator> {
    agent_fn("workflow", move |(): (), cx: RunContext| {
        let asked = asked.clone();
        async move {
            let mut found = ContextAccumulator::new();
            for phase in ["explore", "plan", "build"] {
                let cx = cx.child(phase);
                cx.decide("findings", || "another decision of the host".to_owned()).await?;
                let now = asked.fetch_add(1, Ordering::SeqCst);
                let many = if phase == "explore" { 3_usize.saturating_sub(now) } else { 1 };
                let each =
                    |n| finding(Topic::Discovery, phase, format!("{phase} {n}, asked {now}"));
                found.record((0..many).map(each), &cx).await?;
                let always = finding(Topic::Constraint, phase, "the same in each phase");
                let new = found.record([always], &cx).await?;
                assert_eq!(new, usize::from(phase == "explore"));
            }
            Ok(found)
        }
    })
}

async fn run(journal: MemoryJournal, asked: usize) -> ContextAccumulator {
    let run = Run::builder("workflow").with_journal(journal).open().await.unwrap();
    run.execute(phases(Arc::new(AtomicUsize::new(asked))), ()).await.unwrap()
}

#[tokio::test]
async fn a_resumed_run_has_what_was_recorded_whatever_it_would_find_now() {
    let journal = MemoryJournal::new();
    let whole = run(journal.clone(), 0).await;
    assert_eq!(whole.len(), 3 + 1 + 2);
    let records = journal.records();
    assert_eq!(ContextAccumulator::from_records(&records).unwrap(), whole);

    // All but the end of the run, then less and less of it.
    for length in (1..records.len()).rev() {
        let prefix: Vec<Record> = records[..length].to_vec();
        let recorded = ContextAccumulator::from_records(&prefix).unwrap();
        let journal: MemoryJournal = prefix.into_iter().collect();
        let resumed = run(journal.clone(), 2).await;
        assert_eq!(resumed.findings()[..recorded.len()], *recorded.findings(), "at {length}");
        assert_eq!(ContextAccumulator::from_records(&journal.records()).unwrap(), resumed);
    }
}

#[tokio::test]
async fn what_is_known_is_not_journaled_again() {
    let journal = MemoryJournal::new();
    let run = Run::builder("workflow").with_journal(journal.clone()).open().await.unwrap();
    let cx = run.context();
    let mut found = ContextAccumulator::new();
    found.add(finding(Topic::History, "before", "known"));
    let both =
        [finding(Topic::History, "now", "known"), finding(Topic::History, "now", "found out")];
    assert_eq!(found.record(both, &cx).await.unwrap(), 1);
    let recorded = ContextAccumulator::from_records(&journal.records()).unwrap();
    assert_eq!(recorded.findings(), [finding(Topic::History, "now", "found out")]);
    assert_eq!(found.findings()[0].phase(), "before");
}

#[tokio::test]
async fn findings_of_all_attempts_count() {
    let journal = MemoryJournal::new();
    let run = Run::builder("workflow").with_journal(journal.clone()).open().await.unwrap();
    let agent = agent_fn("tries", |(): (), cx: RunContext| async move {
        let tries = Arc::new(AtomicUsize::new(0));
        let attempt = |cx: RunContext| {
            let tries = tries.clone();
            async move {
                let n = tries.fetch_add(1, Ordering::SeqCst);
                let mut found = ContextAccumulator::new();
                found.record([finding(Topic::Discovery, "try", format!("try {n}"))], &cx).await?;
                found.record([finding(Topic::Discovery, "try", format!("more {n}"))], &cx).await?;
                if n < 2 { Err(AgentError::transient("busy")) } else { Ok(()) }
            }
        };
        cx.attempts("try", 5.try_into().unwrap(), attempt).await
    });
    run.execute(agent, ()).await.unwrap();
    let found = ContextAccumulator::from_records(&journal.records()).unwrap();
    let texts: Vec<&str> = found.findings().iter().map(|finding| &**finding.text()).collect();
    assert_eq!(texts, ["try 0", "more 0", "try 1", "more 1", "try 2", "more 2"]);
}

#[tokio::test]
async fn records_of_others_are_passed_over() {
    let journal = MemoryJournal::new();
    let run = Run::builder("maniple.findings").with_journal(journal.clone()).open().await.unwrap();
    let cx = run.context().child("maniple.findings");
    cx.decide("findings", || 1).await.unwrap();
    cx.decide("maniple.findings.of.a.host", || 2).await.unwrap();
    cx.decide("of:maniple.findings", || 3).await.unwrap();
    cx.step("maniple.findings", Effect::Pure, (), |(), _| async { Ok(4) }).await.unwrap();
    cx.version("maniple.findings", 5).await.unwrap();
    assert!(ContextAccumulator::from_records(&journal.records()).unwrap().is_empty());
}

#[tokio::test]
async fn a_record_of_ours_that_cannot_be_read_is_an_error() {
    let journal = MemoryJournal::new();
    let run = Run::builder("workflow").with_journal(journal.clone()).open().await.unwrap();
    let cx = run.context().child("phase");
    let mut found = ContextAccumulator::new();
    for text in ["one", "two"] {
        found.record([finding(Topic::History, "phase", text)], &cx).await.unwrap();
    }
    let mut records = journal.records();
    let last = records.last_mut().unwrap();
    assert_eq!(last.key.as_str(), "/phase:maniple.findings#2");
    let Fact::Decided { value } = &mut last.fact else { panic!("it is a decision") };
    let later = value.as_str().replace("\"version\":1", "\"version\":9");
    *value = Payload::encode(&serde_json::value::RawValue::from_string(later).unwrap()).unwrap();

    let error = ContextAccumulator::from_records(&records).unwrap_err();
    let AccumulatorError::Unreadable { key, source } = &error else { panic!("{error:?}") };
    assert_eq!(key.as_str(), "/phase:maniple.findings#2");
    assert!(source.to_string().contains("format 9"), "{source}");
    assert_eq!(error.class(), Class::Permanent);
    // Nothing of it is added.
    let mut other = ContextAccumulator::new();
    other.add_records(&records).unwrap_err();
    assert!(other.is_empty());
}

#[tokio::test]
async fn a_record_that_is_not_kept_adds_nothing() {
    let run = Run::builder("workflow").with_journal(Stops).open().await.unwrap();
    let mut found = ContextAccumulator::new();
    let one = [finding(Topic::History, "phase", "one")];
    found.record(one, &run.context()).await.unwrap_err();
    assert!(found.is_empty());
}

type BoxFuture<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// Takes only the beginning of a run.
#[derive(Debug)]
struct Stops;

impl Journal for Stops {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        Box::pin(async move {
            match record.fact {
                Fact::Started { .. } => Ok(()),
                _ => Err(JournalError::Stopped {
                    source: maniple_core::Source::new(std::io::Error::other("full")),
                }),
            }
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn however_findings_are_split_over_runs_they_are_the_same(
        findings in findings(),
        cuts in proptest::collection::vec((any::<bool>(), any::<bool>()), 14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut journals = vec![MemoryJournal::new()];
            let mut batch = Vec::new();
            let mut batches = vec![Vec::new()];
            for (finding, (ends_batch, ends_run)) in findings.iter().zip(&cuts) {
                batch.push(finding.clone());
                if *ends_batch || *ends_run {
                    batches.last_mut().unwrap().push(std::mem::take(&mut batch));
                }
                if *ends_run {
                    journals.push(MemoryJournal::new());
                    batches.push(Vec::new());
                }
            }
            batches.last_mut().unwrap().push(batch);

            let mut records: Vec<Record> = Vec::new();
            for (journal, batches) in journals.iter().zip(batches) {
                // Each run is another process, which knows what the runs before it have recorded.
                let mut here = ContextAccumulator::from_records(&records).unwrap();
                let run = Run::builder("phase").with_journal(journal.clone()).open().await.unwrap();
                let cx = run.context();
                for batch in batches {
                    here.record(batch, &cx).await.unwrap();
                }
                records.extend(journal.records());
                assert_eq!(ContextAccumulator::from_records(&records).unwrap(), here);
            }
            let whole = found(&findings);
            assert_eq!(ContextAccumulator::from_records(&records).unwrap(), whole);
            let mut one_by_one = ContextAccumulator::new();
            for journal in &journals {
                one_by_one.add_records(&journal.records()).unwrap();
            }
            assert_eq!(one_by_one, whole);
        });
    }
}
