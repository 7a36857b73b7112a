//! What survives a reduction: `cargo bench -p benches --bench retention`.
//!
//! Transcripts, documents, dialogues, logs and JSON are made from seeds, with evidence planted in
//! them, and reduced by 40 to 90 %. Printed is how much of the evidence is still said, in percent, by
//! the optimizer as it is by default and by simple ways that take the same budget: the latest, the
//! first and last, any, and those that BM25 ranks highest for the question. Those choose among whole
//! messages, or lines where there is only one message; they may tear a tool call from its result,
//! which the optimizer may not. Everything is counted, nothing is timed.
//!
//! `-- 1000` begins at the seed 1000 instead of 0.

#[path = "retention/simple.rs"]
mod simple;

use std::sync::Arc;

use benches::context::{Case, dialogue, documents, log, records, says, transcript};
use benches::table::Failed;
use maniple::context::relevance::Query;
use maniple::context::{ContextOptimizer, Encoding, Segment, Tiktoken};
use simple::{Simple, units};

const SEEDS: u64 = 40;
const SHARES: [u32; 6] = [40, 50, 60, 70, 80, 90];

/// Makes the case of a seed.
type Make = fn(u64) -> Case;

fn main() -> Result<(), Failed> {
    let first = first_seed()?;
    let sets: [(&str, Make); 6] = [
        ("dialogue, question", |seed| dialogue(seed, 300, true)),
        ("dialogue", |seed| dialogue(seed, 300, false)),
        ("documents, question", |seed| documents(seed, 30)),
        ("agent transcript", |seed| transcript(seed, 60)),
        ("log", |seed| log(seed, 2_000)),
        ("JSON", |seed| records(seed, 300)),
    ];
    println!("evidence kept, %, of {SEEDS} contexts each, from the seed {first}");
    print!("{:<22}{:<12}", "", "reduced by");
    for share in SHARES {
        print!("{share:>7} %");
    }
    println!();
    for (name, make) in sets {
        let contexts = (first..first + SEEDS).map(|seed| Context::new(make(seed)));
        let contexts = contexts.collect::<Result<Vec<_>, _>>()?;
        print_row(name, "maniple", &contexts, maniple)?;
        for simple in Simple::ALL {
            print_row("", simple.name(), &contexts, |context, budget| {
                Ok(simple.reduce(&context.units, &context.case, budget))
            })?;
        }
    }
    Ok(())
}

fn first_seed() -> Result<u64, Failed> {
    // Cargo says `--bench`.
    match std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        Some(seed) => {
            seed.parse().map_err(|_| format!("{seed} is no seed: give a whole number").into())
        }
        None => Ok(0),
    }
}

/// A case that is sound: all of its evidence is said before anything is reduced.
struct Context {
    case: Case,
    tokens: usize,
    /// What simple ways choose from.
    units: Vec<Segment>,
}

impl Context {
    fn new(case: Case) -> Result<Self, Failed> {
        if let Some(evidence) = case.evidence.iter().find(|it| !says(&case.segments, it)) {
            return Err(format!("the context does not say its evidence {evidence:?}").into());
        }
        if case.evidence.is_empty() {
            return Err("a context has no evidence".into());
        }
        let tokens = case.segments.iter().map(|segment| segment.tokens(&counter())).sum();
        let units = units(&case);
        Ok(Self { case, tokens, units })
    }
}

/// Prints the means over the contexts, unless the way has no answer to them.
fn print_row(
    set: &str,
    way: &str,
    contexts: &[Context],
    reduce: impl Fn(&Context, usize) -> Result<Option<Vec<Segment>>, Failed>,
) -> Result<(), Failed> {
    let means = SHARES.iter().map(|share| mean(contexts, *share, &reduce));
    let means: Option<Vec<f64>> = means.collect::<Result<_, _>>()?;
    if let Some(means) = means {
        print!("{set:<22}{way:<12}");
        for kept in means {
            print!("{:>9.1}", 100.0 * kept);
        }
        println!();
    }
    Ok(())
}

fn mean(
    contexts: &[Context],
    share: u32,
    reduce: impl Fn(&Context, usize) -> Result<Option<Vec<Segment>>, Failed>,
) -> Result<Option<f64>, Failed> {
    let mut sum = 0.0;
    for context in contexts {
        let budget = context.tokens * (100 - usize::try_from(share)?) / 100;
        let Some(reduced) = reduce(context, budget)? else { return Ok(None) };
        let taken: usize = reduced.iter().map(|segment| segment.tokens(&counter())).sum();
        if taken > budget {
            return Err(format!("{taken} tokens are more than the budget of {budget}").into());
        }
        sum += context.case.kept(&reduced);
    }
    Ok(Some(sum / f64::from(u32::try_from(contexts.len())?)))
}

fn maniple(context: &Context, budget: usize) -> Result<Option<Vec<Segment>>, Failed> {
    let optimizer = ContextOptimizer::builder(Arc::new(counter()), budget).build()?;
    let question = context.case.question.as_deref().map(Query::new);
    Ok(Some(optimizer.optimize(&context.case.segments, question.as_ref())?.segments))
}

fn counter() -> Tiktoken {
    Tiktoken::new(Encoding::O200kBase)
}
