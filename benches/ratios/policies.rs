//! What a policy costs where nothing goes wrong.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use benches::table::{Bar, Failed, Fastest, expect_sum};
use maniple::core::policy::{Breaker, Concurrency, LoopGuard, Rate, RetryPolicy};
use maniple::core::{AgentExt, BaseAgent, Run, agent_fn};
use tokio::runtime::Runtime;

const CALLS: u64 = 20_000;
const TURNS: usize = 60;
/// More time and calls than a turn takes.
const AMPLE: Duration = Duration::from_secs(3600);
const PLENTY: u32 = u32::MAX;

pub(crate) fn rows(runtime: &Runtime) -> Result<(), Failed> {
    let rate = || Rate::new(PLENTY, Duration::from_secs(1)).with_burst(PLENTY);
    let stack = || {
        agent()
            .with_timeout(AMPLE)
            .with_breaker(Breaker::new("service"))
            .with_concurrency(4)
            .with_retry(RetryPolicy::api())
            .with_fallback(agent())
    };
    let rows: [(&str, f64, Turn); 8] = [
        ("with_retry over the bare call", 150.0, turn(|| agent().with_retry(RetryPolicy::api()))),
        ("with_timeout", 150.0, turn(|| agent().with_timeout(AMPLE))),
        ("with_breaker", 150.0, turn(|| agent().with_breaker(Breaker::new("service")))),
        ("with_rate_limit", 150.0, turn(move || agent().with_rate_limit(rate()))),
        ("with_concurrency", 150.0, turn(|| agent().with_concurrency(Concurrency::new(4)))),
        (
            "with_loop_guard, each input once",
            150.0,
            turn(|| agent().with_loop_guard(LoopGuard::default())),
        ),
        ("with_fallback", 150.0, turn(|| agent().with_fallback(agent()))),
        ("five of them", 1000.0, turn(stack)),
    ];
    let bare = turn(agent);
    let mut without = Fastest::default();
    let mut fastest = [Fastest::default(); 8];
    for _ in 0..TURNS {
        without.turn(runtime, bare())?;
        for ((_, _, with), fastest) in rows.iter().zip(&mut fastest) {
            fastest.turn(runtime, with())?;
        }
    }
    for ((name, bar, _), fastest) in rows.iter().zip(fastest) {
        let more = fastest.0.saturating_sub(without.0).as_nanos();
        let more = u32::try_from(more).map_or(f64::INFINITY, f64::from);
        Bar::Nanos(*bar).print(name, more / f64::from(u32::try_from(CALLS)?));
    }
    Ok(())
}

type Turn = Box<dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>>;

fn agent() -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn("call", |n: u64, _cx| async move { Ok(n) })
}

/// Calls a new agent many times, each time in a context of its own, as patterns do.
fn turn<A, F>(new: F) -> Turn
where
    A: BaseAgent<Input = u64, Output = u64>,
    F: Fn() -> A + 'static,
{
    Box::new(move || {
        let agent = Arc::new(new());
        Box::pin(async move {
            let run = Run::builder("policies").open().await?;
            let cx = run.context();
            let mut sum = 0;
            for n in 0..CALLS {
                sum += agent.run(n, &cx.child_at(n)).await?;
            }
            expect_sum(sum, CALLS)
        })
    })
}
