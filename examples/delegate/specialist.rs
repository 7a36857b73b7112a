//! Who reads, and who puts together what was read. A host asks a model here.

use std::num::NonZeroUsize;
use std::sync::Arc;

use maniple::context::relevance::{Passage, Query, select, worth};
use maniple::context::{ContextRequest, PartRequest, Segment, Source, TokenCounter, blocks};
use maniple::core::{BaseAgent, Budget, Effect, RunContext, agent_fn};

/// How many lines are quoted together, where an answer has room for that.
const LINES: NonZeroUsize = NonZeroUsize::new(3).unwrap();
/// The bytes of a passage for each token of an answer: about half of an answer.
const BYTES: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Answers with the passages of its part that are worth most for the question, with path and line, or
/// with nothing where none says any of its words.
pub(crate) fn reader(
    counter: Arc<dyn TokenCounter>,
) -> impl BaseAgent<Input = PartRequest, Output = String> {
    agent_fn("read", move |request: PartRequest, cx: RunContext| {
        let counter = counter.clone();
        async move {
            // What a model would cost: all that is given, and the answer.
            let most = Budget::tokens(request.share as u64).with_calls(1);
            cx.step("read", Effect::Pure.reserving(most), request, |request, step| async move {
                let given = request.requirements.iter().chain(&request.segments);
                let read: usize = given.map(|segment| segment.tokens(&*counter)).sum();
                let answer = quote(&request, &*counter);
                let spent = read + counter.count(&answer);
                step.spend(Budget::tokens(spent as u64).with_calls(1));
                Ok(answer)
            })
            .await
        }
    })
}

/// Prints what it is given.
pub(crate) fn merger() -> impl BaseAgent<Input = ContextRequest, Output = String> {
    agent_fn("merge", |request: ContextRequest, _cx| async move {
        let mut text = String::new();
        for segment in &request.segments {
            let heading = match (segment.speaker(), segment.source()) {
                (Some(part), _) => format!("== {part}\n"),
                (None, Some(source)) => format!("-- {source}\n"),
                (None, None) => String::new(),
            };
            text.push_str(&heading);
            text.push_str(segment.text());
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        Ok(text)
    })
}

/// A passage as it is quoted.
struct Quote<'r> {
    source: Option<&'r Source>,
    place: String,
    text: &'r str,
    segment: usize,
}

impl<'r> Quote<'r> {
    fn passage(&self, counter: &dyn TokenCounter) -> Passage<'r> {
        Passage {
            text: self.text,
            title: self.source.map_or("", Source::name),
            segment: self.segment,
            tokens: u32::try_from(counter.count(&self.written())).unwrap_or(u32::MAX),
            ..Passage::default()
        }
    }

    fn written(&self) -> String {
        format!("{}\n{}\n", self.place, self.text.trim_end_matches(['\n', '\r']))
    }
}

fn quote(request: &PartRequest, counter: &dyn TokenCounter) -> String {
    let query = Query::new(request.question.as_deref().unwrap_or_default());
    let mut scanner = query.scanner();
    let mut says = |text: &str| scanner.count(text).counts().iter().any(|count| *count > 0);
    let bytes = BYTES.saturating_mul(NonZeroUsize::new(request.answer).unwrap_or(BYTES));
    let mut quotes: Vec<Quote<'_>> =
        request.segments.iter().enumerate().flat_map(|(at, of)| quotes_of(at, of, bytes)).collect();
    quotes.retain(|quote| says(quote.text));
    if quotes.is_empty() {
        return String::new();
    }
    let passages: Vec<Passage<'_>> = quotes.iter().map(|quote| quote.passage(counter)).collect();
    let worth = worth(&passages, Some(&query));
    let chosen = select(&worth, &passages, &[], request.answer as u64);
    let mut places: Vec<usize> = (0..quotes.len()).filter(|at| chosen[*at]).collect();
    loop {
        let text: String = places.iter().map(|at| quotes[*at].written()).collect();
        // Put together they may have a token more than one by one.
        if counter.count(&text) <= request.answer {
            return text;
        }
        let least = places.iter().enumerate().min_by_key(|(_, at)| worth.values()[**at]);
        let Some((least, _)) = least else { return String::new() };
        places.remove(least);
    }
}

fn quotes_of(at: usize, segment: &Segment, bytes: NonZeroUsize) -> impl Iterator<Item = Quote<'_>> {
    let source = segment.source();
    let before = source.and_then(Source::lines).map_or(0, |lines| lines.first() - 1);
    let quote = move |block: &maniple::context::Block<'_>| {
        let line = before + block.lines.first();
        match source {
            Some(source) => format!("{}:{line}", source.name()),
            None => format!("line {line}"),
        }
    };
    blocks(segment.text()).with_max_lines(LINES).with_max_bytes(bytes).map(move |block| Quote {
        source,
        place: quote(&block),
        text: block.text,
        segment: at,
    })
}
