//! What stands at the edges: hardly any window or budget, and odd names.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_context::code::Language;
use maniple_context::{
    ContextError, ContextOptimizedAgent, ContextRequest, Kind, PartRequest, Route, Segment, Source,
    Specialty,
};
use maniple_core::{AgentError, BaseAgent, Budget, Class, Effect, Run, RunContext, agent_fn};

use crate::answers::{context, inner, optimizer, request};
use crate::contexts::{asked, file, tokens};

/// Answers, and counts how often it was asked.
fn counting(begun: Arc<AtomicUsize>) -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("count", move |request: PartRequest, _cx| {
        begun.fetch_add(1, Ordering::SeqCst);
        async move { Ok(format!("{} says nothing of it.", request.part)) }
    })
}

#[tokio::test]
async fn nobody_is_asked_where_what_must_stay_does_not_fit() {
    let begun = Arc::new(AtomicUsize::new(0));
    let agent = ContextOptimizedAgent::new(inner(), optimizer(2_000))
        .with_specialist_for_others(counting(begun.clone()));
    let mut segments = context();
    segments.push(Segment::tool_call("call", "pending", "search the archive ".repeat(900)));
    let run = Run::builder("test").open().await.unwrap();
    let error = agent.run(ContextRequest::new(segments), &run.context()).await.unwrap_err();
    let AgentError::Failed { source, .. } = &error else { panic!("{error}") };
    let found = source.downcast_ref();
    assert!(matches!(found, Some(ContextError::PinnedExceedsBudget { .. })), "{error}");
    assert_eq!(begun.load(Ordering::SeqCst), 0, "whoever is asked is paid");
}

#[tokio::test]
async fn calls_that_are_enough_are_not_rounded_away() {
    let specialist = agent_fn("ask", |request: PartRequest, cx: RunContext| async move {
        let amount = Budget::ZERO.with_calls(1);
        cx.step(
            "model",
            Effect::Pure.reserving(amount),
            request.part,
            move |part, step| async move {
                step.spend(amount);
                Ok(format!("of {part}"))
            },
        )
        .await
    });
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_specialist_for_others(specialist);
    for calls in [4, 5, 9] {
        let budget = Budget::UNLIMITED.with_calls(calls);
        let run = Run::builder("test").with_budget(budget).open().await.unwrap();
        let done = agent.run_reported(request(), &run.context()).await;
        done.result.unwrap_or_else(|error| panic!("{calls} calls: {error}"));
        assert_eq!(run.context().lease().spent().calls, 4);
    }
    let budget = Budget::UNLIMITED.with_calls(3);
    let run = Run::builder("test").with_budget(budget).open().await.unwrap();
    let error = agent.run(request(), &run.context()).await.unwrap_err();
    assert_eq!(error.class(), Class::BudgetExhausted, "{error}");
}

#[tokio::test]
async fn a_run_with_too_little_says() {
    let begun = Arc::new(AtomicUsize::new(0));
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_specialist_for_others(counting(begun));
    for left in [0, 1, 100] {
        let run = Run::builder("test").with_budget(Budget::tokens(left)).open().await.unwrap();
        let error = agent.run(request(), &run.context()).await.unwrap_err();
        assert_eq!(error.class(), Class::BudgetExhausted);
        assert!(error.to_string().contains("asked for 766 tokens"), "{error}");
    }
}

#[tokio::test]
async fn answers_have_room_whatever_the_threshold() {
    for threshold in [0.3, 0.6, 0.9, 1.0] {
        // As much as an answer should be.
        let specialist = agent_fn("say", |request: PartRequest, _cx| async move {
            Ok("It is said. ".repeat(request.answer / 4))
        });
        let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
            .with_delegation(|delegation| delegation.with_threshold(threshold))
            .unwrap()
            .with_specialist_for_others(specialist);
        for files in [90, 93, 96, 99, 102, 105] {
            let mut segments = vec![asked()];
            segments.extend((0..files).map(|at| file(&format!("d{at}/notes.txt"), 5)));
            let run = Run::builder("test").open().await.unwrap();
            let done = agent.run_reported(ContextRequest::new(segments), &run.context()).await;
            let given = done.result.unwrap().segments;
            let is_answer = |segment: &&Segment| segment.kind() == Kind::Note;
            let said: usize = given.iter().filter(is_answer).map(|s| tokens([s])).sum();
            let answers: usize = done.report.parts.iter().filter_map(|part| part.answer).sum();
            assert!(answers > 0);
            assert_eq!(said, answers, "of {files} files at {threshold}");
        }
    }
}

#[tokio::test]
async fn an_agent_of_the_name_of_a_part_has_a_place_of_its_own() {
    let inner = agent_fn("d0", |_: ContextRequest, cx: RunContext| async move {
        cx.step("model", Effect::Pure, (), |(), _| async move { Ok("inner".to_owned()) }).await
    });
    let specialist = agent_fn("ask", |request: PartRequest, cx: RunContext| async move {
        cx.step("model", Effect::Pure, request.part, |part, _| async move { Ok(part) }).await
    });
    let mut segments = vec![asked()];
    segments
        .extend((0..6).flat_map(|at| ["a", "b"].map(|name| file(&format!("d{at}/{name}"), 25))));
    let agent =
        ContextOptimizedAgent::new(inner, optimizer(4_000)).with_specialist_for_others(specialist);
    let journal = maniple_core::MemoryJournal::new();
    let run = Run::builder("test").with_journal(journal).open().await.unwrap();
    let done = agent.run_reported(ContextRequest::new(segments), &run.context()).await;
    let names: Vec<_> = done.report.parts.iter().map(|part| part.name.clone()).collect();
    assert!(names.contains(&"d0".to_owned()));
    assert_eq!(done.result.unwrap(), "inner");
}

#[tokio::test]
async fn what_cannot_be_separated_is_reported_though_there_is_no_part() {
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_delegation(|delegation| Ok::<_, ()>(delegation.with_answer(4_000)))
        .unwrap()
        .with_specialist_for_others(counting(Arc::default()));
    let run = Run::builder("test").open().await.unwrap();
    let done = agent.run_reported(request(), &run.context()).await;
    assert_eq!(done.report.route, Route::Reduced);
    assert!(done.report.parts.is_empty());
    assert!(done.report.excess > 0, "{:?}", done.report.excess);
}

#[test]
fn code_with_and_without_markup_is_for_the_same_specialist() {
    let of = |path: &str| Specialty::of(&file(path, 3).with_kind(Kind::Code));
    assert_eq!(of("a/page.tsx"), of("a/page.ts"));
    assert_eq!(of("a/page.tsx"), Specialty::Code(Language::TypeScript));
}

#[tokio::test]
async fn parts_of_odd_paths_have_places_of_their_own() {
    let paths = [
        "/abs/one.txt",
        "../up/one.txt",
        "",
        "/",
        "//",
        r"C:\notes\a.txt",
        "new\nline/a",
        "nul\0/a",
        "%deadline",
        "a[3]",
        "a#2",
        "x@y/@z",
        "%",
        "[0]",
    ];
    let segments: Vec<Segment> = paths
        .iter()
        .enumerate()
        .map(|(at, path)| {
            Segment::new(format!("s{at}"), Kind::File, file(&format!("f{at}"), 30).text().clone())
                .with_source(Source::new(*path))
        })
        .collect();
    let specialist = agent_fn("ask", |request: PartRequest, cx: RunContext| async move {
        cx.step("model", Effect::Pure, request.part, |part, _| async move { Ok(part) }).await
    });
    let agent = ContextOptimizedAgent::new(inner(), optimizer(2_400))
        .with_specialist_for_others(specialist)
        .durable();
    let journal = maniple_core::MemoryJournal::new();
    let mut all = Vec::new();
    for _ in 0..2 {
        let run = Run::builder("test").with_journal(journal.clone()).open().await.unwrap();
        all.push(agent.run(ContextRequest::new(segments.clone()), &run.context()).await.unwrap());
    }
    assert_eq!(all[0], all[1]);
}
