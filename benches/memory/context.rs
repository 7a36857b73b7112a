//! How far the heap grows while a context is reduced, beside what its segments hold.

use std::sync::Arc;

use benches::context::{Set, sets, transcripts, uncounted};
use benches::table::{Bar, Failed};
use maniple::context::relevance::Query;
use maniple::context::{ContextOptimizer, Encoding, Tiktoken, TokenCounter};

use super::HEAP;

/// Times the bytes of the text.
const BAR: Bar = Bar::Ratio(4.0);

pub(super) fn rows() -> Result<(), Failed> {
    println!("peak heap of a reduction by half / the bytes of its text");
    for set in sets() {
        BAR.print(&format!("  {}", set.name), share(&set)?);
    }
    let segments = transcripts(100, 150);
    let long = Set { name: "ten times as many transcripts", segments, question: None };
    BAR.print(&format!("  {}", long.name), share(&long)?);
    Ok(())
}

fn share(set: &Set) -> Result<f64, Failed> {
    let counter = Tiktoken::new(Encoding::O200kBase);
    // What the tokenizer keeps once it has seen a text is not of the reduction.
    let tokens: usize = set.segments.iter().map(|segment| counter.count(segment.text())).sum();
    let bytes: usize = set.segments.iter().map(|segment| segment.text().len()).sum();
    let optimizer = ContextOptimizer::builder(Arc::new(counter), tokens / 2).build()?;
    let query = set.question.as_deref().map(Query::new);
    let fresh = uncounted(&set.segments);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let reduced = optimizer.optimize(&fresh, query.as_ref())?;
    let peak = HEAP.peak_usage().saturating_sub(before);
    if reduced.report.after > tokens / 2 {
        return Err("the context was not reduced".into());
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Ok(peak as f64 / bytes as f64)
}
