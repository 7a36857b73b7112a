//! Heap per child of each pattern with many children, while all of them are alive; and of streams,
//! that it does not grow with their length; and of the reduction of a context, over the bytes of its
//! text. A part of the bench `ratios`, which runs it.
//!
//! Every allocation is counted, so nothing here is timed.

#[path = "memory/context.rs"]
mod context;

use std::future::Future;
use std::sync::Arc;

use benches::fan_out::patterns::{Pattern, Recording, flow, fork_join, map_reduce};
use benches::fan_out::{Work, by_hand};
use benches::table::{Bar, Failed, expect_sum, grouped, note, on_worker, runtime};
use futures::{StreamExt, stream};
use maniple::core::{AgentError, MemoryJournal, Run, agent_fn};
use maniple::orchestration::{Inputs, MapReduce, Part, Pipeline, combiner};
use peak_alloc::PeakAlloc;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SIZES: [u64; 3] = [10, 1_000, 100_000];
/// What is linear takes the same per child, whatever their number; lists that double where they are
/// full may have just done so.
const GROWTH_BAR: Bar = Bar::Ratio(1.5);

const LIMIT: usize = 64;
const SHORT: u64 = 10_000;
const LONG: u64 = 100_000;
/// A stream that were kept would take ten times as much; how far workers happen to run ahead of what
/// was taken in is chance, within the window.
const STREAM_BAR: Bar = Bar::Ratio(1.5);
/// Chance adds to a peak and never takes away from it, and the first turn fills what the runtime keeps.
const TURNS: usize = 5;

fn main() -> Result<(), Failed> {
    let runtime = runtime()?;
    let mut by_size = Vec::new();
    for items in SIZES {
        println!("heap per child of {} that wait", grouped(items));
        let per_child = waiting(&runtime, items)?;
        for (name, bytes) in &per_child {
            note(&format!("  {name}"), *bytes, "B");
        }
        by_size.push(per_child);
    }
    if let [.., some, many] = &by_size[..] {
        println!("heap per child of {} / of {}", grouped(SIZES[2]), grouped(SIZES[1]));
        for ((name, many), (_, some)) in many.iter().zip(some) {
            GROWTH_BAR.print(&format!("  {name}"), many / some);
        }
    }
    streamed(&runtime, "MapReduce", sum_stream)?;
    streamed(&runtime, "Flow", flow_stream)?;
    context::rows()
}

/// The bytes of a child, by hand and in each pattern.
fn waiting(runtime: &Runtime, items: u64) -> Result<Vec<(String, f64)>, Failed> {
    let limit = usize::try_from(items)?;
    let barrier = Arc::new(Barrier::new(limit));
    // Nobody goes on before the last one has come, so all are alive at the same time.
    let meet = move |n| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            n
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_child = |bytes: usize| bytes as f64 / items as f64;
    let by_hand = peak(runtime, || {
        let meet = meet.clone();
        async move { expect_sum(by_hand::bare(items, meet).await?, items) }
    })?;
    let mut rows = vec![("JoinSet".to_owned(), per_child(by_hand))];
    for recording in [Recording::Off, Recording::Children] {
        for pattern in patterns(items, limit, recording, meet.clone()) {
            let of = match recording {
                Recording::Off => "",
                Recording::Children => ", durable in memory",
            };
            let name = format!("{}{of}", pattern.name);
            let bytes = peak(runtime, || executed(pattern.clone(), recording, items))?;
            rows.push((name, per_child(bytes)));
        }
    }
    Ok(rows)
}

fn patterns(items: u64, limit: usize, recording: Recording, work: impl Work) -> [Pattern; 3] {
    [
        map_reduce(limit, recording, work.clone()),
        flow(limit, recording, work.clone()),
        fork_join(items, limit, recording, work),
    ]
}

async fn executed(pattern: Pattern, recording: Recording, items: u64) -> Result<(), Failed> {
    let run = Run::builder("waiting");
    let run = match recording {
        Recording::Off => run,
        Recording::Children => run.with_journal(MemoryJournal::new()),
    };
    let run = Arc::new(run.open().await?);
    expect_sum(pattern.execute(run, items).await?, items)
}

/// By how many bytes the heap grows at most.
fn peak<F, Fut>(runtime: &Runtime, work: F) -> Result<usize, Failed>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let mut least = usize::MAX;
    for _ in 0..TURNS {
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        on_worker(runtime, work())?;
        least = least.min(HEAP.peak_usage().saturating_sub(before));
    }
    Ok(least)
}

fn streamed<Fut>(runtime: &Runtime, name: &str, sum: fn(u64) -> Fut) -> Result<(), Failed>
where
    Fut: Future<Output = Result<u64, Failed>> + Send + 'static,
{
    let peak_of = |items| peak(runtime, || async move { expect_sum(sum(items).await?, items) });
    let (short, long) = (peak_of(SHORT)?, peak_of(LONG)?);
    let row = format!("peak heap of {} streamed / of {}, {name}", grouped(LONG), grouped(SHORT));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    STREAM_BAR.print(&row, long as f64 / short as f64);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    note("  that peak", long as f64 / 1024.0, "KiB");
    Ok(())
}

async fn sum_stream(items: u64) -> Result<u64, Failed> {
    let map = MapReduce::new("map", agent_fn("item", turn), combiner(|| 0, |a: u64, b| a + b));
    let map = map.with_concurrency(LIMIT).over(|items| Inputs::stream(stream::iter(0..items)));
    Ok(Run::builder("streamed").open().await?.execute(map, items).await?)
}

/// Of a flow the outputs are taken as they come: a list of them would grow.
async fn flow_stream(items: u64) -> Result<u64, Failed> {
    let flow = Pipeline::new("flow", agent_fn("item", turn)).with_concurrency(LIMIT).flow();
    let run = Run::builder("streamed").open().await?;
    let cx = run.context().child("flow");
    let mut parts = flow.parts(Inputs::stream(stream::iter(0..items)), &cx);
    let mut sum = 0;
    while let Some(part) = parts.next().await {
        match part {
            Part::Output { output, .. } => sum += output,
            Part::Settled(reported) => reported.result?,
        }
    }
    Ok(sum)
}

/// An item that lets others go first, so that many are on their way.
async fn turn(n: u64, _: maniple::core::RunContext) -> Result<u64, AgentError> {
    tokio::task::yield_now().await;
    Ok(n)
}
