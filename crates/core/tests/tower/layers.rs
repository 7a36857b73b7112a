//! Tower's own layers around an agent, and such a thing as an agent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::tower::{AgentService, Request, layered_agent, service_agent};
use maniple_core::{
    AgentError, BaseAgent, Class, Effect, MemoryJournal, Run, RunContext, Scope, Source, agent_fn,
};
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::common::{Alive, open};
use crate::mock::Mock;

const WORK: Duration = Duration::from_secs(10);

/// Works for a while, and knows how many do at the same time.
#[derive(Debug, Clone, Default)]
struct Busy {
    alive: Alive,
    most: Arc<AtomicUsize>,
}

impl Busy {
    fn agent(&self) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
        let busy = self.clone();
        agent_fn("busy", move |n: u64, _| {
            let busy = busy.clone();
            async move {
                let _guard = busy.alive.guard();
                busy.most.fetch_max(busy.alive.count(), Ordering::SeqCst);
                tokio::time::sleep(WORK).await;
                Ok(2 * n)
            }
        })
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// What becomes of so many at the same time.
async fn all_at_once(
    agent: impl BaseAgent<Input = u64, Output = u64>,
    many: u64,
) -> Vec<Result<u64, AgentError>> {
    let run = open(Run::builder("layers")).await;
    let agent = Arc::new(agent);
    let mut scope = Scope::open(&run.context()).unwrap();
    for n in 0..many {
        let (child, agent) = (scope.child_at(n), agent.clone());
        scope.spawn(child, move |cx| async move { agent.run(n, &cx).await });
    }
    let mut results: Vec<_> = (0..many).map(|_| None).collect();
    while let Some(done) = scope.next().await {
        results[done.index] = Some(done.result);
    }
    scope.close().await;
    results.into_iter().map(Option::unwrap).collect()
}

fn source(error: &AgentError) -> &Source {
    let AgentError::Failed { source, .. } = error else { panic!("{error:?}") };
    source
}

fn count<T: std::error::Error + 'static>(results: &[Result<u64, AgentError>]) -> usize {
    results.iter().filter_map(|r| r.as_ref().err()).filter(|e| source(e).is::<T>()).count()
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_holds_agents_back_and_serves_all() {
    let busy = Busy::default();
    let limited =
        ServiceBuilder::new().concurrency_limit(3).service(AgentService::new(busy.agent()));
    let began = tokio::time::Instant::now();
    let results = all_at_once(layered_agent("limited", limited), 10).await;
    let doubled: Vec<u64> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(doubled, (0..10).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(busy.most(), 3);
    assert_eq!(began.elapsed(), 4 * WORK);
}

#[tokio::test(start_paused = true)]
async fn a_load_shed_sends_away_what_the_limit_does_not_take() {
    let busy = Busy::default();
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(3)
        .service(AgentService::new(busy.agent()));
    let agent = layered_agent("shed", service).with_classes(|error| {
        if error.is::<Overloaded>() { Class::Transient } else { Class::Indeterminate }
    });
    let results = all_at_once(agent, 10).await;
    assert_eq!(count::<Overloaded>(&results), 7);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    let shed = results.iter().find_map(|result| result.as_ref().err()).unwrap();
    assert_eq!(shed.class(), Class::Transient);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_agent_and_it_is_unknown_what_it_did() {
    let busy = Busy::default();
    let service = ServiceBuilder::new().timeout(WORK / 2).service(AgentService::new(busy.agent()));
    let results = all_at_once(layered_agent("timeout", service), 2).await;
    assert_eq!(count::<Elapsed>(&results), 2);
    let late = results[0].as_ref().unwrap_err();
    assert_eq!(late.class(), Class::Indeterminate);
    assert_eq!(busy.alive.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_queues_for_a_service_that_cannot_be_cloned() {
    /// Tower's mistake to look for: called only when ready, one after the other.
    struct Unclonable(Mock);

    impl Service<u64> for Unclonable {
        type Response = u64;
        type Error = <Mock as Service<u64>>::Error;
        type Future = <Mock as Service<u64>>::Future;

        fn poll_ready(
            &mut self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, n: u64) -> Self::Future {
            self.0.call(n)
        }
    }

    let mock = Mock::new(10);
    let service = ServiceBuilder::new().buffer(2).service(Unclonable(mock.clone()));
    let results = all_at_once(service_agent("buffered", service), 10).await;
    assert!(results.iter().zip(0..).all(|(result, n)| *result.as_ref().unwrap() == 2 * n));
    assert_eq!(mock.calls().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn all_layers_together_account_for_every_request() {
    let busy = Busy::default();
    let service = ServiceBuilder::new()
        .load_shed()
        .timeout(WORK * 3 / 2)
        .buffer(4)
        .concurrency_limit(2)
        .service(AgentService::new(busy.agent()));
    let results = all_at_once(layered_agent("all", service), 20).await;
    let served = results.iter().filter(|result| result.is_ok()).count();
    let (shed, late) = (count::<Overloaded>(&results), count::<Elapsed>(&results));
    assert_eq!(served + shed + late, 20);
    assert_eq!(served, 2, "those who need not wait");
    assert!(shed > 0 && late > 0, "{shed} shed, {late} late");
    assert_eq!((busy.most(), busy.alive.count()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn from_service_to_agent_to_service_and_back_replays() {
    let journal = MemoryJournal::new();
    for steps_run in [1, 0] {
        let steps = agent_fn("steps", |n: u64, cx: RunContext| async move {
            cx.step("double", Effect::Irreversible, n, |n, _| async move { Ok(2 * n) }).await
        });
        let inner = AgentService::new(steps);
        let once = layered_agent("once", ServiceBuilder::new().buffer(1).service(inner));
        let twice = layered_agent("twice", AgentService::new(once));
        let run = open(Run::builder("round trip").with_journal(journal.clone())).await;
        assert_eq!(run.execute(twice, 21).await.unwrap(), 42);
        assert_eq!(run.stats().steps_run, steps_run);
        let key = maniple_core::Key::new("/twice/call/call/double");
        assert!(run.is_done(&key));
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_a_service_is_a_service() {
    let mock = Mock::new(1);
    let service = AgentService::new(service_agent("mock", mock));
    let run = open(Run::builder("service")).await;
    let request = Request::new(run.context().child_at("only"), 4);
    assert_eq!(service.oneshot(request).await.unwrap(), 8);
}
