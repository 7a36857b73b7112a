//! What it takes to reduce a context, against counting the same text once with the same counter.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use benches::context::{sets, transcripts, uncounted};
use benches::table::{Bar, Failed, Fastest, grouped};
use maniple::context::relevance::Query;
use maniple::context::{ContextOptimizer, Encoding, Kind, Segment, Source, Tiktoken, TokenCounter};

const TURNS: usize = 7;
/// What is linear takes the same per token, whatever their number.
const GROWTH_BAR: Bar = Bar::Ratio(1.5);

pub(crate) fn rows() -> Result<(), Failed> {
    counter().count("loads the vocabulary");
    for set in sets() {
        let (reduced, counted) = first_pass(&set.segments, set.question.as_deref())?;
        let row = format!("{} reduced by half / counted", set.name);
        Bar::Ratio(2.5).judge(&row, reduced, counted);
    }
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"))?;
    let (reduced, counted) = first_pass(&sources, None)?;
    Bar::Ratio(6.0).judge("source code outlined by half / counted", reduced, counted);
    growth()
}

/// Time per token, from ten thousand of them to ten million.
fn growth() -> Result<(), Failed> {
    let mut per_token = Vec::new();
    for copies in [1, 10, 100, 1_000] {
        let segments = transcripts(copies, 40);
        let tokens: usize = segments.iter().map(|segment| segment.tokens(&counter())).sum();
        let turns = if copies > 100 { 2 } else { TURNS };
        let mut fastest = Fastest::default();
        for _ in 0..turns {
            let fresh = uncounted(&segments);
            let optimizer = optimizer(tokens / 2)?;
            fastest.0 = fastest.0.min(timed(|| drop(optimizer.optimize(&fresh, None))));
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        per_token.push((tokens, fastest.0.as_secs_f64() / tokens as f64));
    }
    for pair in per_token.windows(2) {
        let [(few, less), (many, more)] = pair else { continue };
        let (many, few) = (u64::try_from(*many)?, u64::try_from(*few)?);
        let row = format!("  a token of {} / of {}", grouped(many), grouped(few));
        GROWTH_BAR.print(&row, more / less);
    }
    Ok(())
}

/// The fastest first pass, and the fastest count of the same texts.
fn first_pass(segments: &[Segment], question: Option<&str>) -> Result<(Fastest, Fastest), Failed> {
    let query = question.map(Query::new);
    let tokens: usize = segments.iter().map(|segment| segment.tokens(&counter())).sum();
    let [mut reduced, mut counted] = [Fastest::default(); 2];
    for _ in 0..TURNS {
        let texts = segments.iter().map(|segment| counter().count(segment.text()));
        counted.0 = counted.0.min(timed(|| _ = std::hint::black_box(texts.sum::<usize>())));
        let fresh = uncounted(segments);
        let optimizer = optimizer(tokens / 2)?;
        let began = Instant::now();
        let result = optimizer.optimize(&fresh, query.as_ref())?;
        reduced.0 = reduced.0.min(began.elapsed());
        if result.report.after > tokens / 2 {
            return Err("the context was not reduced".into());
        }
    }
    Ok((reduced, counted))
}

fn timed(work: impl FnOnce()) -> std::time::Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn optimizer(budget: usize) -> Result<ContextOptimizer, Failed> {
    Ok(ContextOptimizer::builder(Arc::new(counter()), budget.max(1)).build()?)
}

fn counter() -> Tiktoken {
    Tiktoken::new(Encoding::O200kBase)
}

/// The source files below a folder.
fn sources(folder: &Path) -> Result<Vec<Segment>, Failed> {
    let mut segments = Vec::new();
    for entry in ignore::WalkBuilder::new(folder).sort_by_file_path(Ord::cmp).build() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let name = entry.path().display().to_string();
            let text = std::fs::read_to_string(entry.path())?;
            let segment = Segment::new(name.as_str(), Kind::Code, text);
            segments.push(segment.with_source(Source::new(name.as_str())));
        }
    }
    Ok(segments)
}
