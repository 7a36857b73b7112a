//! Which passages the brief holds, and how they are written.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use maniple::context::reducers::{ExactDuplicates, Selection};
use maniple::context::relevance::{Bm25, Query, Score};
use maniple::context::{
    ContextError, ContextOptimizer, Kind, LineRange, Priority, Report, Segment, Source,
    TokenCounter,
};

use crate::problem::Problem;
use crate::read::{Digested, Excerpt, Reading};

/// How many times the budget, in bytes of four a token, the optimizer is given to choose from.
const CHOICE: usize = 6;
/// How many of the best files show their outline, if there is room.
const MOST_OUTLINES: usize = 12;

/// A brief within its budget.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) text: String,
    pub(crate) tokens: usize,
    pub(crate) passages: usize,
    /// The files that are cited, the best first.
    pub(crate) sources: Vec<String>,
    pub(crate) matched: Matched,
    pub(crate) report: Report,
}

/// Whether anything says a term of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matched {
    Something,
    Nothing,
}

/// Ranks what was read and takes what fits. `primed` is what the brief always holds.
pub(crate) fn choose(
    primed: &[Segment],
    digested: &Digested,
    query: &Query,
    budget: usize,
    counter: &Arc<dyn TokenCounter>,
) -> Result<Chosen, Problem> {
    let mut segments: Vec<Segment> = primed.iter().cloned().map(Segment::pinned).collect();
    segments.extend(candidates(digested, query, budget));
    let matched = if digested.files.iter().all(|file| file.excerpts.is_empty()) {
        Matched::Nothing
    } else {
        Matched::Something
    };
    let mut room = budget;
    loop {
        let optimizer = ContextOptimizer::builder(counter.clone(), room)
            .without_markers()
            .with_reducer(ExactDuplicates)
            .with_reducer(Selection::of_segments())
            .build()?;
        let reduced = optimizer.optimize(&segments, Some(query)).map_err(|error| match error {
            ContextError::PinnedExceedsBudget { pinned, .. } => {
                Problem::SmallBudget { budget, fixed: pinned + (budget - room) }
            }
            error => error.into(),
        })?;
        let text = render(&reduced.segments);
        let tokens = counter.count(&text);
        if tokens <= budget {
            let passages = reduced.segments.len() - primed.len();
            let sources = sources(&reduced.segments);
            let report = reduced.report;
            return Ok(Chosen { text, tokens, passages, sources, matched, report });
        }
        // The headings cost something too: make room for as much as they were over.
        let over = tokens - budget;
        match room.checked_sub(over) {
            Some(less) if less > 0 => room = less,
            _ => return Err(Problem::SmallBudget { budget, fixed: tokens }),
        }
    }
}

/// The passages to choose from: of the best files the best ones first, each file's together.
fn candidates(digested: &Digested, query: &Query, budget: usize) -> Vec<Segment> {
    let bm25 = Bm25::new(query, &digested.corpus);
    let mut scanner = query.scanner();
    let mut scored: Vec<(Score, usize, &Excerpt)> = digested
        .files
        .iter()
        .enumerate()
        .flat_map(|(file, reading)| reading.excerpts.iter().map(move |excerpt| (file, excerpt)))
        .map(|(file, excerpt)| (bm25.score(&scanner.count(&excerpt.text)), file, excerpt))
        .collect();
    // Stable: of equals the one that comes first in the folder.
    scored.sort_by_key(|(score, ..)| Reverse(*score));
    let mut bytes = budget.saturating_mul(4 * CHOICE);
    scored.retain(|(_, _, excerpt)| {
        let fits = bytes > 0;
        bytes = bytes.saturating_sub(excerpt.text.len());
        fits
    });

    let mut ranked: Vec<usize> = Vec::new();
    let mut seen = HashSet::new();
    ranked.extend(scored.iter().map(|(_, file, _)| *file).filter(|file| seen.insert(*file)));
    if ranked.is_empty() {
        // Nothing says any term of the question: what there is at all is the best answer.
        ranked.extend(0..digested.files.len());
    }
    let mut segments = Vec::new();
    for (rank, file) in ranked.into_iter().enumerate() {
        let Some(reading) = digested.files.get(file) else { continue };
        if rank < MOST_OUTLINES || scored.is_empty() {
            segments.extend(outline_of(reading));
        }
        if scored.is_empty() {
            segments.extend(reading.opening.iter().map(|opening| passage(reading, 0, opening)));
        }
        let mut of_file: Vec<&Excerpt> = scored
            .iter()
            .filter(|(_, of, _)| *of == file)
            .map(|(_, _, excerpt)| *excerpt)
            .collect();
        of_file.sort_by_key(|excerpt| (excerpt.first, excerpt.last));
        segments.extend(
            of_file.into_iter().enumerate().map(|(i, excerpt)| passage(reading, i, excerpt)),
        );
    }
    segments
}

fn passage(reading: &Reading, place: usize, excerpt: &Excerpt) -> Segment {
    let source = Source::new(reading.path.as_str());
    let source = match LineRange::new(excerpt.first, excerpt.last) {
        Some(lines) => source.with_lines(lines),
        None => source,
    };
    let id = format!("{}#{place}", reading.path);
    Segment::new(id, Kind::File, excerpt.text.as_str()).with_source(source)
}

fn outline_of(reading: &Reading) -> Option<Segment> {
    if reading.outline.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (line, title) in &reading.outline {
        writeln!(text, "{line}: {title}").expect("writing to a string does not fail");
    }
    let id = format!("{}#outline", reading.path);
    let source = Source::new(reading.path.as_str());
    Some(Segment::new(id, Kind::Note, text).with_source(source).with_priority(Priority::Low))
}

fn render(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        let body = segment.text().trim_end();
        let Some(source) = segment.source() else {
            text.push_str(body);
            text.push('\n');
            continue;
        };
        let fence = fence(body);
        let (heading, language) = match segment.kind() {
            Kind::Note => (format!("{} (outline)", source.name()), ""),
            _ => (source.to_string(), language(source.name())),
        };
        write!(text, "\n## {heading}\n\n{fence}{language}\n{body}\n{fence}\n")
            .expect("writing to a string does not fail");
    }
    text
}

/// A fence that nothing in the text can close.
fn fence(body: &str) -> String {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

fn language(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn sources(segments: &[Segment]) -> Vec<String> {
    let mut seen = HashSet::new();
    segments
        .iter()
        .filter_map(|segment| segment.source())
        .map(Source::name)
        .filter(|name| seen.insert(*name))
        .map(str::to_owned)
        .collect()
}
