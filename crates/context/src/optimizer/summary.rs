use std::collections::HashSet;

use maniple_core::{AgentError, BaseAgent, Class, Classify, RunContext};
use serde::{Deserialize, Serialize};

use super::{ContextOptimizer, ReducedContext};
use crate::error::ContextError;
use crate::relevance::Query;
use crate::segment::{Kind, Segment, SegmentId};

/// A [`ContextOptimizer`] that has an agent sum up what a reduction loses; made by
/// [`ContextOptimizer::with_summarizer`].
///
/// Its summary stands as a note before the first segment that was dropped or shortened. What it sums up
/// is recallable as ever. An agent answers differently each time, so this is no part of what follows
/// from the context alone.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{ContextOptimizer, Encoding, Kind, Segment, SummaryRequest, Tiktoken};
/// use maniple_core::{Run, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A host's agent asks a model here.
/// let agent = agent_fn("summarize", |request: SummaryRequest, _cx| async move {
///     Ok(format!("{} remarks about the weather.", request.lost.len()))
/// });
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let optimizer = ContextOptimizer::builder(counter, 30).build()?.with_summarizer(agent, 12)?;
/// let remark = |at| Segment::new(format!("r{at}"), Kind::User, format!("It rained on day {at}."));
/// let context: Vec<Segment> = (0..20).map(remark).collect();
///
/// let run = Run::builder("talk").open().await?;
/// let reduced = optimizer.optimize(&context, None, &run.context()).await?;
/// let is_summary = |segment: &Segment| segment.text().ends_with("remarks about the weather.");
/// assert!(reduced.segments.iter().any(is_summary));
/// assert!(reduced.report.after <= 30);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SummarizingOptimizer<A> {
    optimizer: ContextOptimizer,
    agent: A,
    tokens: usize,
}

/// What a summarizer is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SummaryRequest {
    /// What the reduction loses, in the order of the context.
    pub lost: Vec<Lost>,
    /// The most tokens that the summary may have.
    pub tokens: usize,
}

/// What a reduction loses of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lost {
    /// The segment.
    pub id: SegmentId,
    /// The text, of a shortened segment the lines that it no longer has.
    pub text: String,
}

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// The context could not be reduced.
    #[error(transparent)]
    Reduce(#[from] ContextError),
    /// The agent failed.
    #[error("the summarizer failed, so that the reduced context has no summary")]
    Agent {
        /// What it failed with.
        source: AgentError,
        /// The context, reduced so that there is room for a summary.
        reduced: Box<ReducedContext>,
    },
    /// The agent said more than it was asked for.
    #[error("the summary has {tokens} tokens, more than the {room} that it was asked for")]
    TooLong {
        /// What it said.
        summary: String,
        /// The tokens of that.
        tokens: usize,
        /// The most that it was asked for.
        room: usize,
        /// The context, reduced so that there is room for a summary.
        reduced: Box<ReducedContext>,
    },
}

impl Classify for SummaryError {
    fn class(&self) -> Class {
        match self {
            Self::Reduce(error) => error.class(),
            Self::Agent { source, .. } => source.class(),
            Self::TooLong { .. } => Class::Transient,
        }
    }
}

impl ContextOptimizer {
    /// Lets an agent sum up, in so many tokens of the budget, what a reduction loses.
    ///
    /// # Errors
    /// [`ContextError::ZeroBudget`] where the summary takes all of the budget.
    pub fn with_summarizer<A>(
        self,
        agent: A,
        tokens: usize,
    ) -> Result<SummarizingOptimizer<A>, ContextError>
    where
        A: BaseAgent<Input = SummaryRequest, Output = String>,
    {
        if tokens >= self.budget {
            return Err(ContextError::ZeroBudget);
        }
        Ok(SummarizingOptimizer { optimizer: self, agent, tokens })
    }
}

impl<A> SummarizingOptimizer<A>
where
    A: BaseAgent<Input = SummaryRequest, Output = String>,
{
    /// Reduces a context as [`ContextOptimizer::optimize`] does, with a summary of what that loses.
    /// The agent runs in a child of `cx`, and only where something is lost that other reducers do not
    /// say again.
    ///
    /// # Errors
    /// [`SummaryError`], which holds the reduced context where only the summary is missing.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: what was reduced is kept for recall, and the same call can
    /// be made again.
    pub async fn optimize(
        &self,
        segments: &[Segment],
        query: Option<&Query>,
        cx: &RunContext,
    ) -> Result<ReducedContext, SummaryError> {
        let optimizer = &self.optimizer;
        let counted = segments.iter().map(|segment| segment.tokens(&*optimizer.counter));
        if counted.sum::<usize>() <= optimizer.budget && optimizer.min_reduction.is_none() {
            return Ok(optimizer.optimize(segments, query)?);
        }
        let reduced = optimizer.optimize_to(optimizer.budget - self.tokens, segments, query)?;
        let lost = lost(segments, &reduced);
        if lost.is_empty() {
            return Ok(reduced);
        }
        let child = cx.child(self.agent.name());
        let request = SummaryRequest { lost, tokens: self.tokens };
        match self.agent.run(request, &child).await {
            Ok(summary) => self.insert(summary, segments, reduced),
            Err(source) => Err(SummaryError::Agent { source, reduced: Box::new(reduced) }),
        }
    }

    fn insert(
        &self,
        summary: String,
        segments: &[Segment],
        mut reduced: ReducedContext,
    ) -> Result<ReducedContext, SummaryError> {
        let tokens = self.optimizer.counter.count(&summary);
        if tokens > self.tokens {
            let (room, reduced) = (self.tokens, Box::new(reduced));
            return Err(SummaryError::TooLong { summary, tokens, room, reduced });
        }
        let taken: HashSet<&SegmentId> =
            segments.iter().chain(&reduced.segments).map(Segment::id).collect();
        let mut id = SegmentId::from("summary");
        for copy in 2.. {
            if !taken.contains(&id) {
                break;
            }
            id = format!("summary-{copy}").into();
        }
        let untouched = reduced.segments.iter().zip(segments).take_while(|(a, b)| a == b).count();
        reduced.segments.insert(untouched, Segment::new(id, Kind::Note, summary));
        reduced.report.budget = self.optimizer.budget;
        reduced.report.after += tokens;
        reduced.report.summary = Some(tokens);
        Ok(reduced)
    }
}

/// What the segments said and the reduced ones do not: the texts that were dropped as worth less than
/// others, and the lines that shortened ones lost.
fn lost(segments: &[Segment], reduced: &ReducedContext) -> Vec<Lost> {
    let report = &reduced.report;
    let dropped: HashSet<&SegmentId> = report
        .dropped
        .iter()
        .filter(|dropped| dropped.reason == super::DropReason::OverBudget)
        .map(|dropped| &dropped.id)
        .collect();
    let shortened: HashSet<&SegmentId> = report.shortened.iter().map(|short| &short.id).collect();
    let said: HashSet<&str> =
        reduced.segments.iter().flat_map(|segment| segment.text().lines()).map(str::trim).collect();
    segments
        .iter()
        .filter_map(|segment| {
            let text = if dropped.contains(segment.id()) {
                segment.text().to_string()
            } else if shortened.contains(segment.id()) {
                let lines = segment.text().lines().filter(|line| !said.contains(line.trim()));
                lines.collect::<Vec<_>>().join("\n")
            } else {
                return None;
            };
            (!text.trim().is_empty()).then(|| Lost { id: segment.id().clone(), text })
        })
        .collect()
}
