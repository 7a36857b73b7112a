//! The note that refers to findings, and what is had back by it.

use std::sync::Arc;

use maniple_context::excerpt::lines;
use maniple_context::{
    AccumulatorError, ContextAccumulator, ContextOptimizer, FileRecall, Finding, Handle, Injector,
    LineRange, Marker, MemoryRecall, RecallError, RecallStore, ShortHandle, Source, Tiers, Topic,
};
use maniple_core::{Class, Classify};

use crate::findings::{Bytes, injector};

fn of_many(count: usize) -> ContextAccumulator {
    (0..count)
        .map(|n| {
            let text = format!("The module m{n} has\n{n} functions.");
            Finding::new(Topic::Structure, "explore", text).with_title(format!("Module m{n}"))
        })
        .collect()
}

fn always_refers(injector: Injector) -> Injector {
    injector.with_tiers(Tiers::new(0, 0, usize::MAX).unwrap())
}

#[test]
fn the_note_says_what_is_there_and_in_which_lines() {
    let (injector, store) = injector();
    let mut found = of_many(2);
    found.add(Finding::new(Topic::History, "explore", "\n  Retries   were\nremoved."));
    let source = Source::new("src/a.rs");
    found.add(Finding::new(Topic::Discovery, "explore", "A leak.\n").with_source(source));
    found.add(Finding::new(Topic::Discovery, "explore", " \n"));
    let injection = found.inject(None, &always_refers(injector)).unwrap();
    let handle = injection.report.reference.unwrap();
    let expected = format!(
        "Findings of earlier phases are kept for recall, {} bytes: […14 lines: recall {}]\n\
         - lines 1-3: Structure: Module m0\n\
         - lines 4-6: Structure: Module m1\n\
         - lines 7-10: History: Retries were\n\
         - lines 11-12: Discovery (src/a.rs): A leak.\n\
         - lines 13-14: Discovery\n",
        injection.report.bytes,
        handle.short()
    );
    assert_eq!(&**injection.segments[0].text(), expected);

    let text = store.get(&handle).unwrap();
    let second = lines(&text, LineRange::new(4, 6).unwrap()).unwrap();
    assert_eq!(second, "Structure: Module m1\nThe module m1 has\n1 functions.\n");
}

#[test]
fn the_note_is_bounded_however_much_there_is() {
    let (injector, _) = injector();
    let found = of_many(1_000);
    let injection = found.inject(None, &always_refers(injector)).unwrap();
    let note = injection.segments[0].text();
    assert_eq!(note.lines().count(), 1 + 24 + 1);
    assert_eq!(note.lines().last(), Some("- lines 73-3000: 976 more"));
    assert!(note.len() < 1_024, "{}", note.len());

    let title = "語".repeat(5_000);
    let long = Finding::new(Topic::History, "explore", "x").with_title(title);
    let found: ContextAccumulator = [long].into_iter().collect();
    let (injector, _) = crate::findings::injector();
    let injection = found.inject(None, &always_refers(injector)).unwrap();
    let listed = injection.segments[0].text().lines().last().unwrap();
    assert!(listed.ends_with("語…") && listed.chars().count() < 120, "{listed}");
}

#[test]
fn the_note_survives_a_reduction_that_leaves_room_for_no_marker() {
    let (injector, store) = injector();
    let injection = of_many(50).inject(None, &always_refers(injector)).unwrap();
    let note = injection.segments[0].clone();
    let mut context = vec![note.clone()];
    context.extend((0..40).map(|n| {
        let text = format!("It rained on day {n}, and nobody went out.");
        maniple_context::Segment::new(format!("r{n}"), maniple_context::Kind::User, text)
    }));
    let budget = note.text().len() + 100;
    let optimizer = ContextOptimizer::builder(Arc::new(Bytes), budget)
        .with_recall_store(store.clone())
        .build()
        .unwrap();
    let reduced = optimizer.optimize(&context, None).unwrap();
    assert!(reduced.report.after < reduced.report.before);
    assert_eq!(reduced.segments[0], note);
    let (_, marker) = Marker::all_in(note.text()).next().unwrap();
    assert!(marker.is_known(&*store).unwrap());
}

#[test]
fn a_reference_is_had_back_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let found = of_many(20);
    let handle = {
        let store = Arc::new(FileRecall::open(folder.path()).unwrap());
        let injector = always_refers(Injector::new(Arc::new(Bytes), store));
        found.inject(None, &injector).unwrap().report.reference.unwrap()
    };
    let store = FileRecall::open(folder.path()).unwrap();
    let text = store.get(&handle).unwrap();
    assert!(found.findings().iter().all(|finding| text.contains(&**finding.text())));
}

#[cfg(feature = "tools")]
#[tokio::test]
async fn a_model_reads_the_findings_by_the_marker_in_the_note() {
    use maniple_context::RecallTool;
    use maniple_core::{Run, ToolRegistry};
    use serde_json::json;

    let (injector, store) = injector();
    let injection = of_many(50).inject(None, &always_refers(injector)).unwrap();
    let note = injection.segments[0].text();
    let (_, marker) = Marker::all_in(note).next().unwrap();
    let handle = marker.handle().to_string();

    let tool = RecallTool::new(store.clone(), Arc::new(Bytes)).with_page(500.try_into().unwrap());
    let tools = ToolRegistry::builder().with(tool).build().unwrap();
    let run = Run::builder("recall").open().await.unwrap();
    let call =
        async |arguments| tools.call(&run.context(), "recall", arguments).await.unwrap().data;
    // One finding by the lines that the note says.
    assert!(note.contains("- lines 4-6: Structure: Module m1\n"));
    let page = call(json!({ "handle": handle, "lines": "4-6" })).await;
    assert_eq!(page["text"], "Structure: Module m1\nThe module m1 has\n1 functions.\n");
    // All of them, page by page.
    let (mut text, mut next) = (String::new(), Some(json!({ "handle": handle })));
    while let Some(arguments) = next {
        let page = call(arguments).await;
        text.push_str(page["text"].as_str().unwrap());
        next = page.get("next").cloned();
    }
    assert_eq!(text, *store.get(&injection.report.reference.unwrap()).unwrap());
}

/// Takes nothing.
#[derive(Debug)]
struct Full;

impl RecallStore for Full {
    fn put(&self, handle: &Handle, _text: &Arc<str>) -> Result<(), RecallError> {
        let source = "the disk is full".into();
        Err(RecallError::Store { handle: *handle, class: Class::Transient, source })
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        MemoryRecall::new().get(handle)
    }

    fn candidates(&self, _short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        Ok(Vec::new())
    }
}

/// Takes the whole text, and nothing after it.
#[derive(Debug, Default)]
struct Fills(MemoryRecall);

impl RecallStore for Fills {
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
        self.0.put(handle, text)
    }

    fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
        texts.iter().try_for_each(|(handle, text)| Full.put(handle, text))
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        self.0.get(handle)
    }

    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        self.0.candidates(short)
    }
}

#[test]
fn nothing_refers_to_what_could_not_be_kept() {
    let injector = always_refers(Injector::new(Arc::new(Bytes), Arc::new(Full)));
    let error = of_many(3).inject(None, &injector).unwrap_err();
    assert!(matches!(error, AccumulatorError::Recall { .. }));
    assert_eq!(error.class(), Class::Transient);

    let injector = Injector::new(Arc::new(Bytes), Arc::new(Fills::default()))
        .with_tiers(Tiers::new(0, 0, 0).unwrap())
        .with_summary_tokens(300.try_into().unwrap());
    let error = of_many(30).inject(None, &injector).unwrap_err();
    assert!(matches!(error, AccumulatorError::Summary { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
}
