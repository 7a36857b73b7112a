//! What specialists are given, and what becomes of their answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_context::{
    ContextOptimizedAgent, ContextOptimizer, ContextRequest, Delegated, Kind, PartRequest, Route,
    Segment, Specialty,
};
use maniple_core::{AgentError, BaseAgent, Budget, Effect, Run, agent_fn};
use proptest::prelude::*;

use crate::contexts::{asked, cases, counter, file, tokens};

/// Answers with what it was given.
pub(crate) fn inner() -> impl BaseAgent<Input = ContextRequest, Output = ContextRequest> {
    agent_fn("inner", |request: ContextRequest, _cx| async move { Ok(request) })
}

pub(crate) fn optimizer(window: usize) -> Arc<ContextOptimizer> {
    Arc::new(ContextOptimizer::builder(counter(), window).build().unwrap())
}

/// A question, and folders of files that are no repetition of one another.
pub(crate) fn context() -> Vec<Segment> {
    let mut context = vec![file("a/first.txt", 30)];
    context.push(asked());
    context.extend((0..5).map(|at| file(&format!("d{at}/notes.txt"), 40)));
    context
}

pub(crate) fn request() -> ContextRequest {
    ContextRequest::new(context()).with_question("Why does the third retry fail?")
}

/// Answers at a time that depends on the part.
fn late(
    delays: Vec<u64>,
    said: usize,
) -> impl BaseAgent<Input = PartRequest, Output = String> + Clone {
    let begun = Arc::new(AtomicUsize::new(0));
    Late { delays, said, begun }
}

#[derive(Clone)]
struct Late {
    delays: Vec<u64>,
    said: usize,
    begun: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl BaseAgent for Late {
    type Input = PartRequest;
    type Output = String;

    fn name(&self) -> &'static str {
        "late"
    }

    async fn run(
        &self,
        request: PartRequest,
        _cx: &maniple_core::RunContext,
    ) -> Result<String, AgentError> {
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        let delay = self.delays.get(place).copied().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let sentence = |at: usize| format!("In {} number {at} is said. ", request.part);
        Ok((0..self.said).map(sentence).collect())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

async fn run<A>(agent: &ContextOptimizedAgent<A>, request: ContextRequest) -> Delegated<A::Output>
where
    A: BaseAgent<Input = ContextRequest>,
{
    let run = Run::builder("test").open().await.unwrap();
    agent.run_reported(request, &run.context()).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn answers_stand_in_the_order_of_the_parts_whenever_they_come(
        delays in proptest::collection::vec(0..50_u64, 6),
        limit in 1..7_usize,
    ) {
        let notes = |delays: Vec<u64>, limit| {
            let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
                .with_concurrency(limit)
                .with_specialist_for_others(late(delays, 1));
            let done = block_on(run(&agent, request()));
            let names: Vec<String> =
                done.report.parts.iter().map(|part| part.name.clone()).collect();
            (done.result.unwrap().segments, names)
        };
        let (segments, names) = notes(delays, limit);
        let is_note = |segment: &&Segment| segment.kind() == Kind::Note;
        let speakers: Vec<&str> = segments.iter().filter(is_note).filter_map(Segment::speaker).collect();
        prop_assert!(names.len() >= 4, "{:?}", names);
        prop_assert_eq!(speakers, names.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(segments, notes(vec![], 1).0);
    }

    #[test]
    fn whatever_the_context_requirements_reach_everybody_and_the_window_holds(
        case in cases(), said in 0..40_usize,
    ) {
        let given = Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = given.clone();
        let specialist = agent_fn("hear", move |request: PartRequest, cx: maniple_core::RunContext| {
            heard.lock().unwrap().push((request.clone(), cx.remaining().tokens));
            async move { Ok("It is said here. ".repeat(said)) }
        });
        let optimizer = optimizer(case.window);
        let delegation = case.delegation();
        let agent = ContextOptimizedAgent::new(inner(), optimizer)
            .with_delegation(|_| Ok::<_, ()>(delegation)).unwrap()
            .with_specialist_for_others(specialist);
        let Delegated { result, report, .. } =
            block_on(run(&agent, ContextRequest::new(case.segments.clone())));
        let required: Vec<&Segment> =
            case.segments.iter().filter(|segment| case.is_required(segment)).collect();
        let given = given.lock().unwrap();
        for (request, lease) in given.iter() {
            prop_assert_eq!(request.requirements.iter().collect::<Vec<_>>(), required.clone());
            prop_assert_eq!(*lease, request.share as u64);
            let taken = tokens(&request.requirements) + tokens(&request.segments);
            prop_assert!(taken + request.answer <= request.share);
        }
        if let Some(budget) = case.budget {
            prop_assert!(report.parts.iter().map(|part| part.share).sum::<usize>() <= budget);
        }
        // It fails where what must stay does not fit, and where the parts have not enough.
        let staying = case.segments.iter().filter(|s| case.is_required(s) || case.is_pending(s));
        let Ok(answered) = result else {
            prop_assert!(case.budget.is_some() || tokens(staying) > case.window);
            return Ok(());
        };
        let taken = tokens(&answered.segments);
        prop_assert_eq!(taken, report.after);
        prop_assert!(taken <= case.window);
        for segment in required {
            prop_assert!(answered.segments.contains(segment));
        }
        if report.route == Route::AsIs {
            prop_assert_eq!(&answered.segments, &case.segments);
        }
        prop_assert_eq!(report.route == Route::Delegated, !given.is_empty());
        prop_assert_eq!(report.parts.len(), given.len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_and_the_question_are_given_as_they_are() {
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_specialist_for_others(late(vec![], 1));
    let done = run(&agent, request()).await;
    let given = done.result.unwrap();
    assert_eq!(given.question, request().question);
    let kept: Vec<&Segment> =
        given.segments.iter().filter(|segment| segment.kind() != Kind::Note).collect();
    assert_eq!(kept, [&file("a/first.txt", 30), &asked(), &file("d4/notes.txt", 40)]);
    assert_eq!(done.report.route, Route::Delegated);
    assert_eq!(done.report.before, tokens(&context()));
    assert!(done.report.parts.iter().all(|part| part.answer > Some(0) && part.given <= part.share));
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_too_long_together_are_reduced_and_nothing_else_is() {
    // They have more to do with the question than what is kept.
    let specialist = agent_fn("say", |request: PartRequest, _cx| async move {
        let line = |at| format!("Why the third retry does fail, {} says in {at}.\n", request.part);
        Ok((0..200).map(line).collect())
    });
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_specialist_for_others(specialist);
    let done = run(&agent, request()).await;
    let given = done.result.unwrap();
    let answers: usize = done.report.parts.iter().filter_map(|part| part.answer).sum();
    assert!(answers > 4_000, "{answers}");
    assert!(tokens(&given.segments) <= 4_000 && tokens(&given.segments) > 3_000);
    for kept in [file("a/first.txt", 30), asked(), file("d4/notes.txt", 40)] {
        assert!(given.segments.contains(&kept), "{}", kept.id());
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_are_answered_at_the_same_time() {
    for limit in [1, 2, 3] {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (at_work, at_most) = (now.clone(), most.clone());
        let specialist = agent_fn("busy", move |_: PartRequest, _cx| {
            let (at_work, at_most) = (at_work.clone(), at_most.clone());
            async move {
                at_most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                at_work.fetch_sub(1, Ordering::SeqCst);
                Ok(String::new())
            }
        });
        let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
            .with_concurrency(limit)
            .with_specialist_for_others(specialist);
        let done = run(&agent, request()).await;
        assert!(done.report.parts.len() > 3);
        assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (limit, 0));
        assert_eq!(done.result.unwrap().segments.len(), 3, "empty answers make no notes");
    }
}

/// Spends what it is given, and so much more.
fn spender(more: u64) -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("spend", move |request: PartRequest, cx: maniple_core::RunContext| async move {
        let amount = Budget::tokens(request.share as u64 + more);
        cx.step("ask", Effect::Pure.reserving(amount), (), move |(), step| async move {
            step.spend(amount);
            Ok("spent".to_owned())
        })
        .await
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_spent_stays_within_the_shares_and_more_is_refused() {
    let agent = |more| {
        ContextOptimizedAgent::new(inner(), optimizer(4_000))
            .with_specialist_for_others(spender(more))
    };
    let shares: usize =
        run(&agent(0), request()).await.report.parts.iter().map(|part| part.share).sum();
    let shares = u64::try_from(shares).unwrap();
    let execute = async |more, budget| {
        let budget = Budget::UNLIMITED.with_tokens(budget);
        let run = Run::builder("test").with_budget(budget).open().await.unwrap();
        let done = agent(more).run_reported(request(), &run.context()).await;
        (done, run.context().lease().spent().tokens)
    };

    let (done, spent) = execute(0, shares).await;
    assert!(done.result.is_ok());
    assert_eq!(spent, shares, "the shares add up to the budget");
    assert!(done.report.parts.iter().all(|part| part.spent == part.share as u64));

    let (done, spent) = execute(1, u64::MAX - 1).await;
    let error = done.result.unwrap_err();
    assert_eq!(error.class(), maniple_core::Class::BudgetExhausted, "{error}");
    assert_eq!(spent, 0);

    // A run that has less than the shares.
    let (done, _) = execute(0, shares - 1).await;
    assert_eq!(done.result.unwrap_err().class(), maniple_core::Class::BudgetExhausted);
}

#[tokio::test(start_paused = true)]
async fn cost_and_calls_that_are_limited_are_shared_out_too() {
    let granted = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = granted.clone();
    let specialist = agent_fn("look", move |_: PartRequest, cx: maniple_core::RunContext| {
        seen.lock().unwrap().push(cx.lease().limit());
        async move { Ok(String::new()) }
    });
    let agent = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_concurrency(9)
        .with_specialist_for_others(specialist);
    let budget = Budget::UNLIMITED.with_cost_micros(1_000_000).with_calls(100);
    let run = Run::builder("test").with_budget(budget).open().await.unwrap();
    agent.run_reported(request(), &run.context()).await.result.unwrap();
    let sum = granted.lock().unwrap().iter().fold(Budget::ZERO, |sum, limit| sum.plus(*limit));
    assert!((1..1_000_000).contains(&sum.cost_micros), "{sum}");
    assert!((4..100).contains(&sum.calls), "{sum}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_more_than_its_share_is_reduced_and_can_be_recalled() {
    let optimizer = optimizer(4_000);
    let given = Arc::new(std::sync::Mutex::new(BTreeMap::new()));
    let heard = given.clone();
    let specialist = agent_fn("hear", move |request: PartRequest, _cx| {
        let text: String = request.segments.iter().map(|segment| &**segment.text()).collect();
        heard.lock().unwrap().insert(request.part, text);
        async move { Ok(String::new()) }
    });
    let agent = ContextOptimizedAgent::new(inner(), optimizer.clone())
        .with_delegation(|delegation| Ok::<_, ()>(delegation.with_budget(2_000)))
        .unwrap()
        .with_specialist_for_others(specialist);
    let done = run(&agent, request()).await;
    done.result.unwrap();
    assert!(done.report.parts.iter().map(|part| part.share).sum::<usize>() <= 2_000);
    let reduced: Vec<_> = done.report.parts.iter().filter(|part| part.reduced.is_some()).collect();
    assert_eq!(reduced.len(), done.report.parts.len());
    for part in reduced {
        let report = part.reduced.as_ref().unwrap();
        let whole = optimizer.recall(&report.shortened[0].handle).unwrap();
        assert!(context().iter().any(|segment| *segment.text() == whole), "{}", part.name);
        assert!(given.lock().unwrap()[&part.name].contains("retry 3 "), "what is asked for stays");
    }
}

#[tokio::test(start_paused = true)]
async fn each_specialty_has_its_own_agent_and_what_has_none_stays() {
    let log = |at: usize| {
        let text = format!("10:00:{at:02} WARN pool: connection {at} was refused\n").repeat(60);
        Segment::new(format!("log{at}"), Kind::Log, text)
    };
    let mut segments = context();
    segments.push(log(7));
    let answering = |name: &'static str| {
        agent_fn(name, move |request: PartRequest, _cx| async move {
            Ok(format!("{name}: {}", request.specialty))
        })
    };
    let only = ContextOptimizedAgent::new(inner(), optimizer(4_000))
        .with_specialist(Specialty::Logs, answering("logger"));
    let done = run(&only, ContextRequest::new(segments.clone())).await;
    let parts: Vec<&str> = done.report.parts.iter().map(|part| &*part.name).collect();
    assert_eq!(parts, ["logs"]);
    assert!(done.report.excess > 0, "the rest is more than the threshold");
    let given = done.result.unwrap();
    assert!(tokens(&given.segments) <= 4_000);
    assert!(given.segments.iter().any(|segment| &**segment.text() == "logger: logs"));
    let both = only.with_specialist_for_others(answering("reader"));
    let given = run(&both, ContextRequest::new(segments)).await.result.unwrap();
    let said = |text: &str| given.segments.iter().any(|segment| &**segment.text() == text);
    assert!(said("logger: logs") && said("reader: documents"));
}
