//! The two ways to an answer.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maniple::context::reducers::{ExactDuplicates, Selection};
use maniple::context::{
    ContextError, ContextOptimizedAgent, ContextOptimizer, ContextRequest, Delegated, Delegation,
    DelegationReport, Encoding, Kind, Segment, Tiktoken, TokenCounter,
};
use maniple::core::{BaseAgent, Budget, Run};

use crate::command::Task;
use crate::folder::Files;
use crate::problem::Problem;
use crate::specialist::{merger, reader};

/// Asks about one folder again and again.
pub(crate) struct Asker<A> {
    agent: ContextOptimizedAgent<A>,
    segments: Vec<Segment>,
    budget: Option<usize>,
}

/// What came of a question.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answer: String,
    pub(crate) report: DelegationReport,
    pub(crate) wall: Duration,
}

/// The beginning of the files.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) text: String,
    pub(crate) tokens: usize,
    /// How many files it has something of.
    pub(crate) files: usize,
}

pub(crate) fn counter() -> Arc<dyn TokenCounter> {
    Arc::new(Tiktoken::new(Encoding::O200kBase))
}

/// What a block of a file has at most, in bytes, unless specialists have less room than that.
const BLOCK: usize = 4096;

/// Asks about a folder as it was read.
pub(crate) fn asker(
    task: &Task,
    files: &Files,
) -> Result<Asker<impl BaseAgent<Input = ContextRequest, Output = String>>, ContextError> {
    // A passage is kept or dropped as it was quoted, with its path and line, and the folder is at hand.
    let optimizer = ContextOptimizer::builder(counter(), task.window)
        .without_markers()
        .with_reducer(ExactDuplicates)
        .with_reducer(Selection::of_segments())
        .build()?;
    let agent = ContextOptimizedAgent::new(merger(), Arc::new(optimizer))
        .with_delegation(|delegation| {
            let delegation = delegation.with_threshold(task.threshold)?;
            Ok(match task.budget {
                Some(budget) => delegation.with_budget(budget),
                None => delegation,
            })
        })?
        .with_specialist_for_others(reader(counter()))
        .with_concurrency(task.jobs.get());
    // A token has a byte at least, so that half as many bytes as the threshold has tokens fit a part.
    let threshold =
        Delegation::new(counter(), task.window).with_threshold(task.threshold)?.threshold();
    let bytes = NonZeroUsize::new((threshold / 2).min(BLOCK)).unwrap_or(NonZeroUsize::MIN);
    Ok(Asker { agent, segments: files.segments(bytes), budget: task.budget })
}

impl<A> Asker<A>
where
    A: BaseAgent<Input = ContextRequest, Output = String>,
{
    /// Reads the folder for a question. The specialists cannot spend more than the budget.
    pub(crate) async fn ask(&self, question: &str) -> Result<Asked, Problem> {
        let mut segments = vec![Segment::new("question", Kind::User, question).pinned()];
        segments.extend_from_slice(&self.segments);
        let request = ContextRequest::new(segments).with_question(question);
        let began = Instant::now();
        let mut run = Run::builder("delegate");
        if let Some(budget) = self.budget {
            run = run.with_budget(Budget::UNLIMITED.with_tokens(budget as u64));
        }
        let run = run.open().await?;
        let Delegated { result, report, .. } =
            self.agent.run_reported(request, &run.context()).await;
        Ok(Asked { answer: result?, report, wall: began.elapsed() })
    }
}

/// The files in the order of their paths, up to where the window is full, beside the question.
pub(crate) fn truncate(files: &Files, question: &str, window: usize) -> Cut {
    let counter = counter();
    let mut room = window.saturating_sub(counter.count(question));
    let mut cut = Cut { text: String::new(), tokens: 0, files: 0 };
    for file in &files.texts {
        if room == 0 {
            break;
        }
        let all = counter.count(&file.text);
        let (text, tokens) = if all <= room {
            (&*file.text, all)
        } else {
            let text = beginning(&file.text, room, &*counter);
            (text, counter.count(text))
        };
        cut.text.push_str(text);
        cut.tokens += tokens;
        cut.files += usize::from(!text.is_empty());
        room = room.saturating_sub(all);
    }
    cut
}

/// As much of a text as has at most so many tokens.
fn beginning<'t>(text: &'t str, tokens: usize, counter: &dyn TokenCounter) -> &'t str {
    let ends: Vec<usize> =
        text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
    let fits = |end: &usize| counter.count(&text[..*end]) <= tokens;
    // No more than twice of what fits is looked at, for a file may be a hundred windows long.
    let mut seen = tokens.max(1);
    while ends.get(seen).is_some_and(fits) {
        seen *= 2;
    }
    let fitting = ends[..seen.min(ends.len())].partition_point(fits);
    &text[..fitting.checked_sub(1).map_or(0, |last| ends[last])]
}
