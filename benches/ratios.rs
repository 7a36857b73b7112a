//! Every performance bar that can be measured today, as a ratio of two programs in the same run.
//!
//! `cargo bench -p benches --bench ratios`
//!
//! Machines are noisy, so no figure is a time: what is measured and what it is measured against take
//! turns, and the fastest turn of each is compared. A bar that is missed is printed as missed; the
//! process does not fail for it.

#[path = "ratios/brief.rs"]
mod brief;

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maniple::core::{AgentError, MemoryJournal, Run, agent_fn};
use maniple::orchestration::{MapReduce, combiner};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const WORKERS: usize = 2;
const ITEMS: u64 = 20_000;
const LIMIT: usize = 64;
const FAN_OUT_TURNS: usize = 15;

const SLEEPERS: u64 = 100;
const NAP: Duration = Duration::from_millis(10);
const SLEEPER_TURNS: usize = 300;

/// Far enough away to pass in no turn, so that what it costs is having it.
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> Result<(), Failed> {
    if let Some(folder) = brief::asked_for_plain_loop() {
        return brief::plain_loop(&folder);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    println!("{:<52} {:>11} {:>11}  verdict", "name", "figure", "bar");
    fan_out(&runtime)?;
    sleepers(&runtime)?;
    brief::rows()
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// No-op items, bounded, with a deadline and cancellation.
fn fan_out(runtime: &Runtime) -> Result<(), Failed> {
    let [mut by_hand, mut pattern, mut durable] = [Fastest::default(); 3];
    for _ in 0..FAN_OUT_TURNS {
        by_hand.turn(runtime, no_ops_by_hand())?;
        pattern.turn(runtime, no_ops(None))?;
        durable.turn(runtime, no_ops(Some(MemoryJournal::new())))?;
    }
    Bar::Ratio(0.75).judge("no-op fan-out item, MapReduce / JoinSet", pattern, by_hand);
    Bar::Ratio(1.5).judge("  the same, durable in memory / JoinSet", durable, by_hand);
    Ok(())
}

/// Agents that do nothing but wait, all at the same time.
fn sleepers(runtime: &Runtime) -> Result<(), Failed> {
    let [mut by_hand, mut pattern] = [Fastest::default(); 2];
    for _ in 0..SLEEPER_TURNS {
        by_hand.turn(runtime, naps_by_hand())?;
        pattern.turn(runtime, naps())?;
    }
    Bar::PercentOver(1.0).judge("100 agents of 10 ms, MapReduce over JoinSet", pattern, by_hand);
    Ok(())
}

/// What is written without Maniple by someone who wants a limit, a deadline and cancellation.
async fn no_ops_by_hand() -> Result<(), Failed> {
    let parent = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(LIMIT));
    let mut tasks = JoinSet::new();
    let mut sum = 0;
    for n in 0..ITEMS {
        let permit = permits.clone().acquire_owned().await?;
        let token = parent.child_token();
        tasks.spawn(async move {
            let _permit = permit;
            tokio::select! {
                biased;
                () = token.cancelled() => None,
                answer = tokio::time::timeout(DEADLINE, async move { black_box(n) }) => answer.ok(),
            }
        });
        // Taken in as they end: faster, and with less memory, than all of them at the end.
        while let Some(joined) = tasks.try_join_next() {
            sum += joined?.ok_or("an item was stopped")?;
        }
    }
    while let Some(joined) = tasks.join_next().await {
        sum += joined?.ok_or("an item was stopped")?;
    }
    expect_sum(sum, ITEMS)
}

async fn no_ops(journal: Option<MemoryJournal>) -> Result<(), Failed> {
    let item = agent_fn("item", |n: u64, _cx| async move { Ok(black_box(n)) });
    let map = MapReduce::new("map", item, combiner(|| 0, |a, b| a + b)).with_concurrency(LIMIT);
    let run = Run::builder("no-ops").with_deadline(DEADLINE);
    let inputs = (0..ITEMS).collect();
    let sum = match journal {
        None => run.open().await?.execute(map, inputs).await?,
        Some(journal) => {
            let run = run.with_journal(journal).open().await?;
            run.execute(map.durable(), inputs).await?
        }
    };
    expect_sum(sum, ITEMS)
}

async fn naps_by_hand() -> Result<(), Failed> {
    let mut tasks = JoinSet::new();
    for n in 0..SLEEPERS {
        tasks.spawn(async move {
            tokio::time::sleep(NAP).await;
            n
        });
    }
    let mut sum = 0;
    while let Some(joined) = tasks.join_next().await {
        sum += joined?;
    }
    expect_sum(sum, SLEEPERS)
}

async fn naps() -> Result<(), Failed> {
    let nap = agent_fn("nap", |n: u64, _cx| async move {
        tokio::time::sleep(NAP).await;
        Ok::<_, AgentError>(n)
    });
    let map = MapReduce::new("naps", nap, combiner(|| 0, |a, b| a + b)).with_concurrency(100);
    let run = Run::builder("naps").open().await?;
    let sum = run.execute(map, (0..SLEEPERS).collect()).await?;
    expect_sum(sum, SLEEPERS)
}

/// A figure counts only if the work was done.
fn expect_sum(sum: u64, items: u64) -> Result<(), Failed> {
    let expected = items * (items - 1) / 2;
    if sum == expected {
        Ok(())
    } else {
        Err(format!("the items add up to {sum}, not {expected}: an item was lost or run twice")
            .into())
    }
}

/// The shortest of the turns taken so far.
#[derive(Debug, Clone, Copy)]
struct Fastest(Duration);

impl Default for Fastest {
    fn default() -> Self {
        Self(Duration::MAX)
    }
}

impl Fastest {
    /// Takes a turn on a worker thread, where an application's own tasks run.
    fn turn<F>(&mut self, runtime: &Runtime, work: F) -> Result<(), Failed>
    where
        F: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        let timed = runtime.spawn(async move {
            let began = Instant::now();
            work.await?;
            Ok::<_, Failed>(began.elapsed())
        });
        self.0 = self.0.min(runtime.block_on(timed)??);
        Ok(())
    }
}

/// What a figure must not exceed.
#[derive(Debug, Clone, Copy)]
enum Bar {
    /// Mebibytes.
    MiB(f64),
    /// Times what it is compared with.
    Ratio(f64),
    /// Percent more than what it is compared with.
    PercentOver(f64),
}

impl Bar {
    fn judge(self, name: &str, measured: Fastest, against: Fastest) {
        let ratio = measured.0.div_duration_f64(against.0);
        self.print(
            name,
            if matches!(self, Self::PercentOver(_)) { (ratio - 1.0) * 100.0 } else { ratio },
        );
    }

    fn print(self, name: &str, figure: f64) {
        let (bar, unit) = match self {
            Self::Ratio(bar) => (bar, "x"),
            Self::PercentOver(bar) => (bar, "%"),
            Self::MiB(bar) => (bar, "MiB"),
        };
        let verdict = if figure <= bar { "met" } else { "MISSED" };
        println!("{name:<52} {figure:>7.2} {unit:<3} {bar:>7.2} {unit:<3}  {verdict}");
    }
}
