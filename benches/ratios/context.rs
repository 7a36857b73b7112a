//! What it takes to reduce a context, against counting the same text once with the same counter.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use benches::context::{dialogue, documents, log, records, transcript};
use benches::table::{Bar, Failed, Fastest, grouped};
use maniple::context::relevance::Query;
use maniple::context::{ContextOptimizer, Encoding, Kind, Segment, Source, Tiktoken, TokenCounter};

const TURNS: usize = 7;
/// What is linear takes the same per token, whatever their number.
const GROWTH_BAR: Bar = Bar::Ratio(1.5);

pub(crate) fn rows() -> Result<(), Failed> {
    counter().count("loads the vocabulary");
    let sets: [(&str, Vec<Segment>, Option<String>); 6] = [
        ("an agent's transcript", repeated(|seed| transcript(seed, 150).segments, 8), None),
        ("a dialogue", dialogue(1, 8_000, false).segments, None),
        ("a dialogue, with a question", dialogue(1, 8_000, true).segments, question(1)),
        (
            "documents, with a question",
            documents(1, 2_000).segments,
            Some("Where was the designer of the bridge born?".to_owned()),
        ),
        ("a log", log(1, 20_000).segments, None),
        ("JSON", records(1, 10_000).segments, None),
    ];
    for (name, segments, question) in &sets {
        let (reduced, counted) = first_pass(segments, question.as_deref())?;
        let row = format!("{name} reduced by half / counted");
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
        let segments = repeated(|seed| transcript(seed, 40).segments, copies);
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

fn question(seed: u64) -> Option<String> {
    dialogue(seed, 8_000, true).question
}

/// The same segments, which have forgotten their counts.
fn uncounted(segments: &[Segment]) -> Vec<Segment> {
    let json = |segment: &Segment| serde_json::to_string(segment).ok();
    let parsed = |json: String| serde_json::from_str(&json).ok();
    segments.iter().filter_map(json).filter_map(parsed).collect()
}

/// Several transcripts, one after the other.
fn repeated(make: impl Fn(u64) -> Vec<Segment>, times: u64) -> Vec<Segment> {
    let named = |seed: u64, segment: &Segment| {
        let id = format!("{seed}-{}", segment.id());
        let text = segment.text().clone();
        let copy = Segment::new(id, segment.kind(), text);
        match segment.pair() {
            Some(pair) => copy.with_pair(format!("{seed}-{pair}")),
            None => copy,
        }
    };
    (0..times)
        .flat_map(|seed| make(seed).iter().map(|segment| named(seed, segment)).collect::<Vec<_>>())
        .collect()
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
