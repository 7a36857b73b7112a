//! What a summarizer is asked, and what becomes of its answer.

use std::sync::{Arc, Mutex};

use maniple_context::{
    ContextError, ContextOptimizer, Kind, ReducedContext, Segment, SummaryError, SummaryRequest,
};
use maniple_core::{AgentError, BaseAgent, Class, Classify, Run, agent_fn};

use crate::contexts::{counter, tokens};

type Asked = Arc<Mutex<Vec<SummaryRequest>>>;

/// An agent that answers so, and remembers what it was asked.
fn answers(
    answer: Result<&'static str, AgentError>,
) -> (impl BaseAgent<Input = SummaryRequest, Output = String>, Asked) {
    let asked = Asked::default();
    let answer = Arc::new(answer);
    let (all, said) = (asked.clone(), answer);
    let agent = agent_fn("summarize", move |request: SummaryRequest, _cx| {
        all.lock().unwrap().push(request);
        let said = said.clone();
        async move { said.as_ref().as_ref().map(ToString::to_string).map_err(AgentError::clone) }
    });
    (agent, asked)
}

async fn summarized(
    context: &[Segment],
    budget: usize,
    agent: impl BaseAgent<Input = SummaryRequest, Output = String>,
) -> Result<ReducedContext, SummaryError> {
    let builder = ContextOptimizer::builder(Arc::new(counter()), budget);
    let optimizer = builder.without_markers().build().unwrap().with_summarizer(agent, 10).unwrap();
    let run = Run::builder("summary").open().await.unwrap();
    optimizer.optimize(context, None, &run.context()).await
}

fn turns() -> Vec<Segment> {
    let text = |at| format!("On day {at} it rained, and nobody went out of house {at}.");
    (0..20).map(|at| Segment::new(format!("t{at}"), Kind::User, text(at))).collect()
}

#[tokio::test]
async fn the_agent_is_asked_for_what_is_lost_and_its_answer_stands_where_that_was() {
    let context = turns();
    let (agent, asked) = answers(Ok("It rained on most days."));
    let reduced = summarized(&context, 150, agent).await.unwrap();

    let asked = asked.lock().unwrap();
    let lost: Vec<_> = asked[0].lost.iter().map(|lost| lost.id.clone()).collect();
    let dropped: Vec<_> = reduced.report.dropped.iter().map(|dropped| dropped.id.clone()).collect();
    assert_eq!(lost, dropped);
    assert!(asked.len() == 1 && !lost.is_empty() && asked[0].tokens == 10);

    let at =
        reduced.segments.iter().position(|segment| segment.id().as_str() == "summary").unwrap();
    assert_eq!(&**reduced.segments[at].text(), "It rained on most days.");
    assert_eq!(reduced.segments[..at], context[..at]);
    assert_eq!(reduced.report.after, tokens(&reduced.segments));
    assert!(reduced.report.after <= 150 && reduced.report.budget == 150);
}

#[tokio::test]
async fn nobody_is_asked_where_nothing_is_lost() {
    let context = turns();
    let (agent, asked) = answers(Ok("Nothing."));
    let reduced = summarized(&context, 10_000, agent).await.unwrap();
    assert_eq!(reduced.segments, context);

    // A copy is said by the one that stays.
    let (agent, asked_again) = answers(Ok("Nothing."));
    let file = |at| Segment::new(format!("f{at}"), Kind::Note, "The same words over and over.");
    let copies: Vec<Segment> = (0..10).map(file).collect();
    let reduced = summarized(&copies, 20, agent).await.unwrap();
    assert_eq!(reduced.segments, copies[9..]);
    assert!(asked.lock().unwrap().is_empty() && asked_again.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_summary_that_fails_leaves_the_reduced_context() {
    let (agent, _) = answers(Err(AgentError::transient("overloaded")));
    let error = summarized(&turns(), 150, agent).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    let SummaryError::Agent { reduced, .. } = error else { panic!("{error}") };
    assert!(tokens(&reduced.segments) <= 140);

    let (agent, _) = answers(Ok("It rained, and then it rained again, and after that it rained."));
    let error = summarized(&turns(), 150, agent).await.unwrap_err();
    assert!(error.to_string().ends_with("more than the 10 that it was asked for"), "{error}");
    assert!(matches!(error, SummaryError::TooLong { tokens: 11.., room: 10, .. }));
}

#[test]
fn a_summary_that_takes_all_of_the_budget() {
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), 10).build().unwrap();
    let refused = optimizer.with_summarizer(answers(Ok("")).0, 10);
    assert!(matches!(refused.err(), Some(ContextError::ZeroBudget)));
}
