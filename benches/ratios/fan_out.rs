//! No-op items, bounded, with a deadline and cancellation.

use std::future::Future;
use std::sync::Arc;

use benches::fan_out::patterns::{
    Pattern, Recording, flow, flow_of_two, fork_join, map_reduce, scatter_gather,
};
use benches::fan_out::{by_hand, no_op};
use benches::table::{Bar, Failed, Fastest, expect_sum, grouped, note};
use maniple::core::{AgentError, MemoryJournal, Run};
use tokio::runtime::Runtime;

const LIMIT: usize = 64;

/// What the same items cost by hand is compared with.
const BAR: Bar = Bar::Ratio(0.75);
const DURABLE_BAR: Bar = Bar::Ratio(1.5);
/// What is linear costs the same per child, whatever their number. Half as much again is left for the
/// processor's caches, which hold a thousand children and not a hundred thousand, and for ordered
/// maps. Anything quadratic would be a hundred times.
const GROWTH_BAR: Bar = Bar::Ratio(1.5);

const FEW: Size = Size { children: 10, repeats: 500, turns: 15 };
const SOME: Size = Size { children: 1_000, repeats: 10, turns: 31 };
const MANY: Size = Size { children: 100_000, repeats: 1, turns: 9 };

/// How many children, how many times in one turn, and how many turns.
#[derive(Debug, Clone, Copy)]
struct Size {
    children: u64,
    /// Enough of them that the clock's resolution makes no difference.
    repeats: u64,
    turns: usize,
}

pub(crate) fn rows(runtime: &Runtime) -> Result<(), Failed> {
    let few = measure(runtime, FEW)?;
    println!("fan-out of {}: the run and the scopes, not the items", grouped(FEW.children));
    for (pattern, by_hand) in few.pairs() {
        let name = pattern.name;
        note(&format!("  {name} in an open run / JoinSet"), pattern.plain.over(by_hand), "x");
        note(
            &format!("  {name} with a run of its own / JoinSet"),
            pattern.alone.over(by_hand),
            "x",
        );
        note(&format!("  {name} durable, the same / JoinSet"), pattern.durable.over(by_hand), "x");
    }
    let some = measure(runtime, SOME)?;
    some.judge();
    let many = measure(runtime, MANY)?;
    many.judge();
    println!("time per child of {} / of {}", grouped(MANY.children), grouped(SOME.children));
    note("  JoinSet", per_child(&many, many.by_hand) / per_child(&some, some.by_hand), "x");
    for (many_of, some_of) in many.patterns.iter().zip(&some.patterns) {
        let growth = |a: Fastest, b: Fastest| per_child(&many, a) / per_child(&some, b);
        let name = many_of.name;
        GROWTH_BAR.print(&format!("  {name}"), growth(many_of.plain, some_of.plain));
        GROWTH_BAR.print(&format!("  {name}, durable"), growth(many_of.durable, some_of.durable));
    }
    Ok(())
}

/// All that was measured of one size.
struct Measured {
    size: Size,
    by_hand: Fastest,
    two_by_hand: Fastest,
    patterns: Vec<Times>,
}

/// What was measured of one pattern.
struct Times {
    name: &'static str,
    /// Whether it does the work of two stages.
    is_double: bool,
    /// In a run that is open already.
    plain: Fastest,
    /// In a run that is opened for it.
    alone: Fastest,
    /// In a run that is opened for it, with its journal in memory.
    durable: Fastest,
}

impl Measured {
    /// Each pattern and what it is compared with.
    fn pairs(&self) -> impl Iterator<Item = (&Times, Fastest)> {
        self.patterns.iter().map(|pattern| {
            (pattern, if pattern.is_double { self.two_by_hand } else { self.by_hand })
        })
    }

    fn judge(&self) {
        println!("no-op fan-out of {}", grouped(self.size.children));
        for (pattern, by_hand) in self.pairs() {
            BAR.judge(&format!("  {} / JoinSet", pattern.name), pattern.plain, by_hand);
            let durable = format!("  {}, durable in memory / JoinSet", pattern.name);
            DURABLE_BAR.judge(&durable, pattern.durable, by_hand);
        }
    }
}

/// The nanoseconds of a child.
#[expect(clippy::cast_precision_loss, reason = "the sizes are small")]
fn per_child(of: &Measured, fastest: Fastest) -> f64 {
    fastest.0.as_secs_f64() * 1e9 / (of.size.children * of.size.repeats) as f64
}

fn measure(runtime: &Runtime, size: Size) -> Result<Measured, Failed> {
    let patterns = patterns(size);
    let mut measured = Measured {
        size,
        by_hand: Fastest::default(),
        two_by_hand: Fastest::default(),
        patterns: Vec::new(),
    };
    for (pattern, _) in &patterns {
        measured.patterns.push(Times {
            name: pattern.name,
            is_double: pattern.name.contains("2 stages"),
            plain: Fastest::default(),
            alone: Fastest::default(),
            durable: Fastest::default(),
        });
    }
    for _ in 0..size.turns {
        let items = size.children;
        let by_hand = move || by_hand::bounded(items, LIMIT, no_op);
        measured.by_hand.turn(runtime, repeated(size, by_hand))?;
        let two_by_hand = move || by_hand::two_stages(items, LIMIT, no_op);
        measured.two_by_hand.turn(runtime, repeated(size, two_by_hand))?;
        for ((plain, durable), times) in patterns.iter().zip(&mut measured.patterns) {
            times.plain.turn(runtime, in_one_run(size, plain.clone()))?;
            times.alone.turn(runtime, in_a_run_each(size, plain.clone(), Recording::Off))?;
            let durable = durable.clone();
            times.durable.turn(runtime, in_a_run_each(size, durable, Recording::Children))?;
        }
    }
    Ok(measured)
}

/// Each pattern, not durable and durable.
fn patterns(size: Size) -> [(Pattern, Pattern); 5] {
    type Make<'a> = &'a dyn Fn(Recording) -> Pattern;
    let both = |make: Make<'_>| (make(Recording::Off), make(Recording::Children));
    [
        both(&|recording| map_reduce(LIMIT, recording, no_op)),
        both(&|recording| flow(LIMIT, recording, no_op)),
        both(&|recording| flow_of_two(LIMIT, recording, no_op)),
        both(&|recording| fork_join(size.children, LIMIT, recording, no_op)),
        both(&|recording| scatter_gather(size.children, LIMIT, recording, no_op)),
    ]
}

async fn repeated<F, Fut>(size: Size, sum: F) -> Result<(), Failed>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<u64, Failed>>,
{
    for _ in 0..size.repeats {
        expect_sum(sum().await?, size.children)?;
    }
    Ok(())
}

async fn in_one_run(size: Size, pattern: Pattern) -> Result<(), Failed> {
    let run = open(Recording::Off).await?;
    for _ in 0..size.repeats {
        expect_sum(pattern.execute(run.clone(), size.children).await?, size.children)?;
    }
    Ok(())
}

async fn in_a_run_each(size: Size, pattern: Pattern, recording: Recording) -> Result<(), Failed> {
    for _ in 0..size.repeats {
        let run = open(recording).await?;
        expect_sum(pattern.execute(run, size.children).await?, size.children)?;
    }
    Ok(())
}

async fn open(recording: Recording) -> Result<Arc<Run>, AgentError> {
    let run = Run::builder("no-ops").with_deadline(by_hand::DEADLINE);
    let run = match recording {
        Recording::Off => run,
        Recording::Children => run.with_journal(MemoryJournal::new()),
    };
    Ok(Arc::new(run.open().await?))
}
