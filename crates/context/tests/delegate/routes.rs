//! Which way a context goes.

use maniple_context::{
    ContextError, ContextOptimizedAgent, ContextOptimizer, ContextRequest, Kind, PartRequest,
    Priority, Route, Segment,
};
use maniple_core::{AgentError, BaseAgent, Run, agent_fn};

use crate::answers::{context, inner, optimizer, request};
use crate::contexts::{asked, counter, file, tokens};

fn never() -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("never", |request: PartRequest, _cx| async move {
        Err::<String, _>(AgentError::permanent(format!("asked for {}", request.part)))
    })
}

#[tokio::test]
async fn a_context_within_the_threshold_is_given_as_it_is() {
    let run = Run::builder("test").open().await.unwrap();
    let window = tokens(&context()) * 10 / 3 + 4;
    let agent =
        ContextOptimizedAgent::new(inner(), optimizer(window)).with_specialist_for_others(never());
    let done = agent.run_reported(request(), &run.context()).await;
    assert_eq!(done.report.route, Route::AsIs);
    assert_eq!(done.report.after, tokens(&context()));
    assert_eq!(done.result.unwrap(), request());
    assert!(done.report.reductions.is_empty() && done.report.parts.is_empty());
}

#[tokio::test]
async fn what_can_be_had_without_loss_is_not_delegated() {
    let copy = |at: usize| {
        Segment::new(format!("copy{at}"), Kind::File, file("a/first.txt", 40).text().clone())
    };
    let mut segments = vec![asked()];
    segments.extend((0..9).map(copy));
    let run = Run::builder("test").open().await.unwrap();
    let agent =
        ContextOptimizedAgent::new(inner(), optimizer(4_000)).with_specialist_for_others(never());
    let done = agent.run_reported(ContextRequest::new(segments.clone()), &run.context()).await;
    assert_eq!(done.report.route, Route::Reduced);
    let given = done.result.unwrap().segments;
    assert_eq!(done.report.after, tokens(&given));
    assert!(tokens(&given) <= 1_200 && given.contains(&asked()));
    assert!(given.iter().any(|segment| segment.text() == segments[1].text()));
}

#[tokio::test]
async fn without_specialists_it_is_reduced_to_the_window() {
    let run = Run::builder("test").open().await.unwrap();
    let agent = ContextOptimizedAgent::new(inner(), optimizer(1_000));
    let done = agent.run_reported(request(), &run.context()).await;
    assert_eq!(done.report.route, Route::Reduced);
    let given = done.result.unwrap().segments;
    assert!(tokens(&given) <= 1_000 && tokens(&given) > 500, "{}", tokens(&given));
    assert!(given.contains(&asked()));
}

#[tokio::test]
async fn what_has_to_stay_is_never_changed_and_says_where_it_does_not_fit() {
    let system = Segment::new("s", Kind::System, "Say only what is known. ".repeat(60));
    let high = Segment::new("h", Kind::User, "And why the fourth? ".repeat(60))
        .with_priority(Priority::High);
    let mut segments = vec![system.clone(), high.clone()];
    segments.extend(context());
    let run = Run::builder("test").open().await.unwrap();
    for specialists in [false, true] {
        let agent = |window| {
            let agent = ContextOptimizedAgent::new(inner(), optimizer(window));
            let answer = agent_fn("say", |_: PartRequest, _cx| async move { Ok("x ".repeat(900)) });
            if specialists { agent.with_specialist_for_others(answer) } else { agent }
        };
        let request = || ContextRequest::new(segments.clone());
        let given = agent(1_000).run(request(), &run.context()).await.unwrap().segments;
        assert!([&system, &high, &asked()].iter().all(|segment| given.contains(segment)));
        assert!(tokens(&given) <= 1_000);

        let error = agent(500).run(request(), &run.context()).await.unwrap_err();
        let AgentError::Failed { source, .. } = error else { panic!("{error}") };
        let Some(ContextError::PinnedExceedsBudget { pinned, budget: 500, .. }) =
            source.downcast_ref()
        else {
            panic!("{source}")
        };
        assert_eq!(*pinned, tokens([&system, &high, &asked()]));
    }
}

#[tokio::test]
async fn a_context_that_is_none_is_refused_whatever_its_size() {
    let run = Run::builder("test").open().await.unwrap();
    let agent = ContextOptimizedAgent::new(inner(), optimizer(1_000_000));
    let twice = ContextRequest::new(vec![asked(), asked()]);
    let error = agent.run(twice, &run.context()).await.unwrap_err();
    assert!(error.to_string().contains("both named"), "{error}");
}

#[test]
fn the_window_of_an_agent_is_the_optimizers_budget() {
    let optimizer = std::sync::Arc::new(ContextOptimizer::builder(counter(), 777).build().unwrap());
    let agent = ContextOptimizedAgent::new(inner(), optimizer)
        .with_delegation(|_| Ok::<_, ()>(maniple_context::Delegation::new(counter(), 5)))
        .unwrap();
    agent
        .with_delegation(|delegation| {
            assert_eq!(delegation.threshold(), 233);
            Ok::<_, ()>(delegation)
        })
        .unwrap();
}
