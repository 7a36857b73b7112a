use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, RunContext};

use super::ask::Asking;
use super::fixed::Fixed;
use super::plan::{Delegation, DelegationPlan, tokens};
use super::request::{ContextRequest, Delegated, DelegationReport, PartRequest, Route};
use super::specialty::Specialty;
use crate::error::ContextError;
use crate::optimizer::{ContextOptimizer, ReducedContext};
use crate::relevance::Query;
use crate::segment::{Segment, SegmentId};

/// How many parts are answered at the same time, unless another number is given.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");
/// How long specialists may take to end once they were asked to, unless another time is given.
const GRACE: Duration = Duration::from_secs(5);

/// Gives an agent no more context than it works well with: reduces it, has specialists answer for parts
/// of it, and gives the agent the rest with their answers.
///
/// 1. A context that is not above the threshold is given as it is.
/// 2. Above it, it is reduced [without loss](crate::reducers::Loss::Lossless), and given where that is
///    enough.
/// 3. Else the parts of a [`DelegationPlan`] are answered by specialists, at the same time, each under
///    the child of the agent's context that the part's name names, and with a lease of its share. A part
///    that is more than its share is reduced to it first. What is kept, and in the place of each part its
///    answer as a note, is given to the agent. Where the answers are too long for the window, they are
///    reduced.
/// 4. With no specialist for any part, or nothing to separate, the context is reduced to the window.
///
/// Requirements are never changed: what is pinned, of a system or instruction kind, or of high priority
/// is given to the agent and to every specialist as it is, and is an error where it does not fit.
///
/// A specialist that fails stops the others, and its failure is that of the agent, as a
/// [`PartError`](crate::PartError) that names the part and keeps the class. One that waits for a signal
/// suspends the agent when the others have ended. In a run with a journal the steps of the specialists
/// replay, for the parts of one context have the same names in every process.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{
///     ContextOptimizedAgent, ContextOptimizer, ContextRequest, Encoding, Kind, PartRequest, Route,
///     Segment, Source, Tiktoken,
/// };
/// use maniple_core::{Run, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A host's agents ask a model here.
/// let specialist = agent_fn("read", |request: PartRequest, _cx| async move {
///     Ok(format!("{} says nothing of it.", request.part))
/// });
/// let inner = agent_fn("answer", |request: ContextRequest, _cx| async move {
///     Ok(request.segments.iter().filter(|segment| segment.kind() == Kind::Note).count())
/// });
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let optimizer = Arc::new(ContextOptimizer::builder(counter, 4_000).build()?);
/// let agent =
///     ContextOptimizedAgent::new(inner, optimizer).with_specialist_for_others(specialist);
///
/// let page = |at: usize| {
///     let text: String = (0..100).map(|line| format!("Line {line} of page {at}.\n")).collect();
///     Segment::new(format!("p{at}"), Kind::File, text).with_source(Source::new(format!("p/{at}")))
/// };
/// let request = ContextRequest::new((0..9).map(page).collect()).with_question("Who won?");
/// let run = Run::builder("example").open().await?;
/// let answered = agent.run_reported(request, &run.context()).await;
/// assert_eq!(answered.report.route, Route::Delegated);
/// assert_eq!(answered.result?, answered.report.parts.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ContextOptimizedAgent<A> {
    agent: A,
    optimizer: Arc<ContextOptimizer>,
    delegation: Delegation,
    specialists: BTreeMap<Specialty, BoxAgent<PartRequest, String>>,
    for_others: Option<BoxAgent<PartRequest, String>>,
    concurrency: NonZeroUsize,
    grace: Duration,
    is_recorded: bool,
}

impl<A> ContextOptimizedAgent<A> {
    /// Wraps an agent whose window is the optimizer's budget. Without specialists, a context is only
    /// reduced.
    pub fn new(agent: A, optimizer: Arc<ContextOptimizer>) -> Self {
        let delegation = Delegation::new(optimizer.counter().clone(), optimizer.budget());
        Self {
            agent,
            optimizer,
            delegation,
            specialists: BTreeMap::new(),
            for_others: None,
            concurrency: CONCURRENCY,
            grace: GRACE,
            is_recorded: false,
        }
    }

    /// Changes how parts are planned, such as by
    /// [`with_budget`](Delegation::with_budget) or [`with_threshold`](Delegation::with_threshold). The
    /// window stays the optimizer's budget.
    ///
    /// # Errors
    /// Those of the change.
    pub fn with_delegation<E>(
        mut self,
        change: impl FnOnce(Delegation) -> Result<Delegation, E>,
    ) -> Result<Self, E> {
        let (counter, window) = (self.optimizer.counter().clone(), self.optimizer.budget());
        self.delegation = change(self.delegation)?.for_window(counter, window);
        Ok(self)
    }

    /// Has parts of a specialty answered by this agent. One for code in no particular language answers
    /// for code in all that have none of their own.
    pub fn with_specialist<S>(mut self, specialty: Specialty, specialist: S) -> Self
    where
        S: BaseAgent<Input = PartRequest, Output = String>,
    {
        self.specialists.insert(specialty, specialist.boxed());
        self
    }

    /// Has parts answered by this agent for which there is no other.
    pub fn with_specialist_for_others<S>(mut self, specialist: S) -> Self
    where
        S: BaseAgent<Input = PartRequest, Output = String>,
    {
        self.for_others = Some(specialist.boxed());
        self
    }

    /// How many parts are answered at the same time; 4 by default, and 0 counts as 1.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.concurrency = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// How long specialists that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Journals each answer as a whole, so that a run that is opened again does not ask for it again,
    /// also where a specialist works outside of steps.
    pub fn durable(mut self) -> Self {
        self.is_recorded = true;
        self
    }

    fn specialist(&self, specialty: Specialty) -> Option<&BoxAgent<PartRequest, String>> {
        self.specialists
            .get(&specialty)
            .or_else(|| self.specialists.get(&specialty.of_any_language()))
            .or(self.for_others.as_ref())
    }
}

impl<A, O> ContextOptimizedAgent<A>
where
    A: BaseAgent<Input = ContextRequest, Output = O>,
    O: Send + 'static,
{
    /// As [`run`](BaseAgent::run), with what became of the context.
    ///
    /// Reducing and planning block for milliseconds per megabyte.
    ///
    /// # Cancel safety
    /// Dropping it stops the specialists that run; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, request: ContextRequest, cx: &RunContext) -> Delegated<O> {
        let mut report = DelegationReport::default();
        let result = self.drive(request, cx, &mut report).await;
        Delegated { result, report }
    }

    async fn drive(
        &self,
        request: ContextRequest,
        cx: &RunContext,
        report: &mut DelegationReport,
    ) -> Result<O, AgentError> {
        let ContextRequest { segments, question } = request;
        let segments = self.fit(segments, question.as_deref(), cx, report).await?;
        report.after = tokens(&segments, &**self.optimizer.counter());
        let child = cx.child(self.agent.name());
        self.agent.run(ContextRequest { segments, question }, &child).await
    }

    /// The context as the agent is given it.
    async fn fit(
        &self,
        segments: Vec<Segment>,
        question: Option<&str>,
        cx: &RunContext,
        report: &mut DelegationReport,
    ) -> Result<Vec<Segment>, AgentError> {
        let counter = &**self.optimizer.counter();
        let fixed = Fixed::of(&segments)?;
        let threshold = self.delegation.threshold();
        report.before = tokens(&segments, counter);
        if report.before <= threshold {
            return Ok(segments);
        }
        report.route = Route::Reduced;
        let query = question.map(Query::new);
        let query = query.as_ref();

        // Nobody is asked, and paid, for what cannot be given on.
        let (staying, budget) =
            (tokens(fixed.staying(&segments), counter), self.optimizer.budget());
        if let Some(excess) = staying.checked_sub(budget).filter(|excess| *excess > 0) {
            return Err(
                ContextError::PinnedExceedsBudget { pinned: staying, budget, excess }.into()
            );
        }
        // What must stay is all that more than the threshold can ask for.
        let target = threshold.max(staying).max(1);
        let required: Vec<Segment> = fixed.requirements(&segments).cloned().collect();
        let condensed = keeping(&required, &segments, |pinned| {
            match self.optimizer.condense_to(target, pinned, query) {
                Err(ContextError::BudgetNotMet { reached, .. }) => Ok(*reached),
                condensed => condensed,
            }
        })?;
        let (segments, is_enough) = (condensed.segments, condensed.report.after <= threshold);
        report.reductions.push(condensed.report);
        if is_enough {
            return Ok(segments);
        }

        let has_specialist = |specialty| self.specialist(specialty).is_some();
        let plan = self.delegation.plan_for(&segments, has_specialist)?;
        report.excess = plan.as_ref().map_or(0, |plan| plan.excess);
        let (merged, kept) = match plan.filter(|plan| !plan.parts.is_empty()) {
            Some(plan) => {
                report.route = Route::Delegated;
                let answers = self.ask(&plan, question, query, cx, report).await?;
                let merged = plan.merge(answers);
                // What was kept is given as it is, unless that alone is too much.
                (merged, if plan.excess == 0 { plan.kept } else { required })
            }
            None => (segments, required),
        };
        if tokens(&merged, counter) <= budget {
            return Ok(merged);
        }
        let reduced =
            keeping(&kept, &merged, |pinned| self.optimizer.optimize_to(budget, pinned, query))?;
        report.reductions.push(reduced.report);
        Ok(reduced.segments)
    }

    async fn ask(
        &self,
        plan: &DelegationPlan,
        question: Option<&str>,
        query: Option<&Query>,
        cx: &RunContext,
        report: &mut DelegationReport,
    ) -> Result<Vec<String>, AgentError> {
        let asking = Asking {
            optimizer: &self.optimizer,
            plan,
            question,
            query,
            limit: self.concurrency.get(),
            grace: self.grace,
            is_recorded: self.is_recorded,
        };
        asking.announce(report);
        asking.run(|specialty| self.specialist(specialty).cloned(), cx, report).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, O> BaseAgent for ContextOptimizedAgent<A>
where
    A: BaseAgent<Input = ContextRequest, Output = O>,
    O: Send + 'static,
{
    type Input = ContextRequest;
    type Output = O;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, request: ContextRequest, cx: &RunContext) -> Result<O, AgentError> {
        self.run_reported(request, cx).await.result
    }
}

impl<A: fmt::Debug> fmt::Debug for ContextOptimizedAgent<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextOptimizedAgent")
            .field("agent", &self.agent)
            .field("delegation", &self.delegation)
            .field("specialists", &self.specialists.keys().collect::<Vec<_>>())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// Reduces segments while those of `kept` are pinned, and gives these back as they were.
fn keeping(
    kept: &[Segment],
    segments: &[Segment],
    reduce: impl FnOnce(&[Segment]) -> Result<ReducedContext, ContextError>,
) -> Result<ReducedContext, ContextError> {
    let kept: HashMap<&SegmentId, &Segment> =
        kept.iter().map(|segment| (segment.id(), segment)).collect();
    let pinned: Vec<Segment> = segments
        .iter()
        .map(|segment| {
            let segment = segment.clone();
            if kept.contains_key(segment.id()) { segment.pinned() } else { segment }
        })
        .collect();
    let mut reduced = reduce(&pinned)?;
    for segment in &mut reduced.segments {
        if let Some(kept) = kept.get(segment.id()) {
            *segment = (*kept).clone();
        }
    }
    Ok(reduced)
}
