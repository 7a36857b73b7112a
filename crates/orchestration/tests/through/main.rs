//! What a context carries reaches the children of every pattern, and no more of it than it has.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Budget, Class, Effect, MemoryJournal, Permissions,
    Run, RunContext, agent_fn,
};
use maniple_orchestration::{
    ForkJoin, Inputs, MapReduce, Partial, Pipeline, ScatterGather, combiner,
};

type Leaf = BoxAgent<u64, u64>;

/// Each pattern as an agent that runs three leaves and adds their outputs up.
fn patterns(leaf: &Leaf) -> Vec<(&'static str, Leaf)> {
    let leaf = || leaf.clone();
    let three = |n: u64| Inputs::from(vec![n; 3]);
    let streamed = |n: u64| Inputs::stream(futures::stream::iter(vec![n; 3]));
    let sum = || combiner(|| 0, |a: u64, b| a + b).commutative();
    let total = |outputs: Vec<u64>| outputs.into_iter().sum::<u64>();
    let named = BTreeMap::from([("a", leaf()), ("b", leaf()), ("c", leaf())]);
    let gather = || ScatterGather::new("gather", [("a", leaf()), ("b", leaf()), ("c", leaf())]);
    let by_name = |outputs: BTreeMap<&str, u64>| outputs.into_values().sum::<u64>();
    let stages = || Pipeline::new("stages", leaf()).then(leaf()).then(leaf());
    vec![
        ("pipeline", stages().boxed()),
        ("flow", Pipeline::new("flow", leaf()).flow().over(three).map(total).boxed()),
        ("map", MapReduce::new("map", leaf(), sum()).over(three).boxed()),
        ("stream", MapReduce::new("map", leaf(), sum()).unordered().over(streamed).boxed()),
        ("tree", MapReduce::new("map", leaf(), sum()).tree().over(three).boxed()),
        (
            "tuple",
            ForkJoin::new("fork", (leaf(), leaf(), leaf())).map(|(a, b, c)| a + b + c).boxed(),
        ),
        ("named", ForkJoin::named("fork", named).map(by_name).boxed()),
        ("gather", gather().map(by_name).boxed()),
        (
            "durable gather",
            gather()
                .within(Duration::from_secs(3600), 3)
                .durable()
                .map(|outputs: Partial<BTreeMap<&str, u64>, &str>| outputs.ok.into_values().sum())
                .boxed(),
        ),
        ("durable pipeline", stages().durable().boxed()),
        (
            "durable flow",
            Pipeline::new("flow", leaf()).durable().flow().over(three).map(total).boxed(),
        ),
        ("durable map", MapReduce::new("map", leaf(), sum()).durable().over(three).boxed()),
        (
            "durable fork",
            ForkJoin::new("fork", (leaf(), leaf(), leaf()))
                .durable()
                .map(|(a, b, c)| a + b + c)
                .boxed(),
        ),
    ]
}

/// Runs each pattern inside of each other one.
fn nested(leaf: &Leaf) -> Vec<(String, Leaf)> {
    let inner = patterns(leaf);
    let all = inner.iter().flat_map(|(inside, inner)| {
        let around = patterns(inner).into_iter();
        around.map(move |(outside, outer)| (format!("{inside} in {outside}"), outer))
    });
    all.collect()
}

#[tokio::test(start_paused = true)]
async fn every_pattern_nests_in_every_other() {
    let leaf = agent_fn("leaf", |n: u64, _cx| async move { Ok(n) }).boxed();
    for (name, pattern) in nested(&leaf) {
        let run = Run::builder("through").with_journal(MemoryJournal::new()).open().await.unwrap();
        let (inside, outside) = name.split_once(" in ").unwrap();
        let is_pipeline = |pattern: &str| pattern.ends_with("pipeline");
        // A pipeline applies what it is made of three times, the others add it up three times.
        let expected = match (is_pipeline(inside), is_pipeline(outside)) {
            (true, true) => 1,
            (true, false) => 3,
            (false, true) => 27,
            (false, false) => 9,
        };
        assert_eq!(run.execute(pattern, 1).await.unwrap(), expected, "{name}");
        check_quiet(&run, &name).await;
    }
}

/// Fails where a task of the run is left.
async fn check_quiet(run: &Run, name: &str) {
    run.quiesce().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "{name}");
}

#[tokio::test(start_paused = true)]
async fn a_child_may_do_no_more_than_the_pattern() {
    let leaf = agent_fn("leaf", |n: u64, cx: RunContext| async move {
        cx.step("write", Effect::Irreversible, n, |n, _| async move { Ok(n) }).await
    })
    .boxed();
    for (name, pattern) in nested(&leaf) {
        let permitted = Permissions::all().with_highest_effect(Effect::Idempotent);
        let run = Run::builder("through").with_permissions(permitted).open().await.unwrap();
        let error = run.execute(pattern, 1).await.unwrap_err();
        assert!(error.to_string().contains("not permitted"), "{name}: {error}");
        check_quiet(&run, &name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn children_spend_from_the_budget_of_the_pattern() {
    let leaf = agent_fn("leaf", |n: u64, cx: RunContext| async move {
        let effect = Effect::Idempotent.reserving(Budget::tokens(10));
        cx.step("call", effect, n, |n, step| async move {
            step.spend(Budget::tokens(7));
            Ok(n)
        })
        .await
    })
    .boxed();
    for (name, pattern) in patterns(&leaf) {
        let journal = MemoryJournal::new();
        let run = Run::builder("through").with_journal(journal).with_budget(Budget::tokens(100));
        let run = run.open().await.unwrap();
        run.execute(pattern.clone(), 1).await.unwrap();
        assert_eq!(run.context().remaining().tokens, 100 - 21, "{name}");
        check_quiet(&run, name).await;

        let run = Run::builder("through").with_budget(Budget::tokens(23)).open().await.unwrap();
        let error = run.execute(pattern, 1).await.unwrap_err();
        assert_eq!(error.class(), Class::BudgetExhausted, "{name}");
        check_quiet(&run, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_child_begins_a_step_after_the_deadline() {
    let late = Arc::new(AtomicUsize::new(0));
    let seen = late.clone();
    let leaf = agent_fn("leaf", move |n: u64, cx: RunContext| {
        let seen = seen.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            cx.step("late", Effect::Pure, n, |n, _| async move {
                seen.fetch_add(1, Ordering::Relaxed);
                Ok(n)
            })
            .await
        }
    })
    .boxed();
    for (name, pattern) in nested(&leaf) {
        let run =
            Run::builder("through").with_deadline(Duration::from_secs(2)).open().await.unwrap();
        let began = tokio::time::Instant::now();
        let error = run.execute(pattern, 1).await.unwrap_err();
        assert_eq!(error.class(), Class::DeadlineExceeded, "{name}: {error}");
        assert!(began.elapsed() < Duration::from_secs(8), "{name} took {:?}", began.elapsed());
        assert_eq!(late.load(Ordering::Relaxed), 0, "{name}");
        check_quiet(&run, &name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_every_child_within_one_grace() {
    let leaf = agent_fn("leaf", |n: u64, _cx: RunContext| async move {
        std::future::pending::<()>().await;
        Ok(n)
    })
    .boxed();
    for (name, pattern) in nested(&leaf) {
        let grace = Duration::from_secs(1);
        let run = Run::builder("through").with_grace(grace).open().await.unwrap();
        let began = tokio::time::Instant::now();
        let (result, ()) = tokio::join!(run.execute(pattern, 1), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            run.cancel();
        });
        let error: AgentError = result.unwrap_err();
        assert_eq!(error.class(), Class::Cancelled, "{name}: {error}");
        assert!(began.elapsed() <= 2 * grace + Duration::from_millis(500), "{name}");
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_child_begins_while_the_run_is_paused() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let leaf = agent_fn("leaf", move |n: u64, _cx: RunContext| {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(n)
        }
    })
    .boxed();
    // One after the other, so that there is always one to come.
    let (one, three) = (|| leaf.clone(), |n: u64| Inputs::from(vec![n; 3]));
    let sum = combiner(|| 0, |a: u64, b| a + b);
    let total = |outputs: Vec<u64>| outputs.into_iter().sum::<u64>();
    let fork = ForkJoin::new("fork", (one(), one(), one())).with_concurrency(1);
    let gather = ScatterGather::new("gather", (0..3).map(|n| (n, one()))).with_concurrency(1);
    let patterns = [
        Pipeline::new("stages", one()).then(one()).then(one()).boxed(),
        Pipeline::new("flow", one()).flow().over(three).map(total).boxed(),
        MapReduce::new("map", one(), sum).with_concurrency(1).over(three).boxed(),
        fork.map(|(a, b, c)| a + b + c).boxed(),
        gather.map(|outputs| outputs.into_values().sum()).boxed(),
    ];
    for pattern in patterns {
        begun.store(0, Ordering::Relaxed);
        let name = pattern.name().to_owned();
        let run = Run::builder("through").open().await.unwrap();
        let (result, ()) = tokio::join!(run.execute(pattern, 1), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            run.pause();
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(begun.load(Ordering::Relaxed), 1, "{name}");
            run.resume();
        });
        result.unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 3, "{name}");
        check_quiet(&run, &name).await;
    }
}
