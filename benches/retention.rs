//! What survives a reduction: `cargo bench -p benches --bench retention`.
//!
//! Transcripts, documents, dialogues, logs and JSON are made from seeds, with evidence planted in
//! them, and reduced by 40 to 90 %. Printed is how much of the evidence is still said, in percent, by
//! the optimizer as it is by default and by simple ways that take the same budget: the latest, the
//! first and last, any, and those that BM25 ranks highest for the question. Those choose among whole
//! messages, or lines where there is only one message. Everything is counted, nothing is timed.

#[path = "retention/simple.rs"]
mod simple;

use std::sync::Arc;

use benches::context::{Case, dialogue, documents, log, records, transcript};
use benches::table::Failed;
use maniple::context::relevance::Query;
use maniple::context::{ContextOptimizer, Encoding, Segment, Tiktoken};
use simple::{Simple, units};

const SEEDS: u64 = 10;
const SHARES: [u32; 6] = [40, 50, 60, 70, 80, 90];

fn main() -> Result<(), Failed> {
    let sets: [(&str, fn(u64) -> Case); 6] = [
        ("dialogue, question", |seed| dialogue(seed, 300, true)),
        ("dialogue", |seed| dialogue(seed, 300, false)),
        ("documents, question", |seed| documents(seed, 30)),
        ("agent transcript", |seed| transcript(seed, 60)),
        ("log", |seed| log(seed, 2_000)),
        ("JSON", |seed| records(seed, 300)),
    ];
    println!("evidence kept, %, of {SEEDS} contexts each");
    print!("{:<22}{:<12}", "", "reduced by");
    SHARES.iter().for_each(|share| print!("{share:>7} %"));
    println!();
    for (name, make) in sets {
        let cases: Vec<Case> = (0..SEEDS).map(make).collect();
        print_row(name, "maniple", |share| mean(&cases, share, maniple))?;
        for simple in Simple::ALL {
            print_row("", simple.name(), |share| {
                mean(&cases, share, |case, budget| Ok(simple.reduce(&units(case), case, budget)))
            })?;
        }
    }
    Ok(())
}

fn print_row(
    set: &str,
    way: &str,
    kept: impl Fn(u32) -> Result<Option<f64>, Failed>,
) -> Result<(), Failed> {
    print!("{set:<22}{way:<12}");
    for share in SHARES {
        match kept(share)? {
            Some(kept) => print!("{:>9.1}", 100.0 * kept),
            None => print!("{:>9}", "-"),
        }
    }
    println!();
    Ok(())
}

/// The mean over the cases; none where a way has no answer to them.
fn mean(
    cases: &[Case],
    share: u32,
    reduce: impl Fn(&Case, usize) -> Result<Option<Vec<Segment>>, Failed>,
) -> Result<Option<f64>, Failed> {
    let mut sum = 0.0;
    for case in cases {
        let tokens: usize = case.segments.iter().map(|segment| segment.tokens(&counter())).sum();
        let budget = tokens * (100 - usize::try_from(share)?) / 100;
        let Some(reduced) = reduce(case, budget)? else { return Ok(None) };
        let taken: usize = reduced.iter().map(|segment| segment.tokens(&counter())).sum();
        if taken > budget {
            return Err(format!("{taken} tokens are more than the budget of {budget}").into());
        }
        sum += case.kept(&reduced);
    }
    Ok(Some(sum / f64::from(u32::try_from(cases.len())?)))
}

fn maniple(case: &Case, budget: usize) -> Result<Option<Vec<Segment>>, Failed> {
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), budget).build()?;
    let question = case.question.as_deref().map(Query::new);
    Ok(Some(optimizer.optimize(&case.segments, question.as_ref())?.segments))
}

fn counter() -> Tiktoken {
    Tiktoken::new(Encoding::O200kBase)
}
