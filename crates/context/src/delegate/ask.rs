use std::time::Duration;

use maniple_core::{AgentError, BoxAgent, Budget, Class, Lease, Progress, RunContext, Scope};

use super::plan::{DelegationPlan, Part};
use super::request::{DelegationReport, PartError, PartReport, PartRequest};
use super::specialty::Specialty;
use crate::error::ContextError;
use crate::optimizer::ContextOptimizer;
use crate::relevance::Query;

/// Has the parts of a plan answered.
pub(super) struct Asking<'a> {
    pub(super) optimizer: &'a ContextOptimizer,
    pub(super) plan: &'a DelegationPlan,
    pub(super) question: Option<&'a str>,
    pub(super) query: Option<&'a Query>,
    pub(super) limit: usize,
    pub(super) grace: Duration,
    pub(super) is_recorded: bool,
}

impl Asking<'_> {
    /// The answers, in the order of the parts.
    ///
    /// The first failure lets none begin any more and stops the others. To be suspended is none: the
    /// others go on.
    pub(super) async fn run(
        &self,
        specialist: impl Fn(Specialty) -> Option<BoxAgent<PartRequest, String>>,
        cx: &RunContext,
        report: &mut DelegationReport,
    ) -> Result<Vec<String>, AgentError> {
        let parts = &self.plan.parts;
        let remaining = cx.remaining();
        let mut answers: Vec<Option<String>> = vec![None; parts.len()];
        // In the order in which they come: what follows from a stop comes after what has led to it.
        let mut failures: Vec<AgentError> = Vec::new();
        let mut scope = Scope::open(cx)?.with_grace(self.grace);
        let mut begun: Vec<(usize, Option<Lease>)> = Vec::new();
        let mut next = 0;
        let mut is_stopped = false;
        loop {
            while !is_stopped && next < parts.len() && scope.len() < self.limit {
                let part = &parts[next];
                let agent = specialist(part.specialty)
                    .expect("a plan has parts only of specialties that somebody answers for");
                let child = scope.child_at(part.name.as_str());
                match self.begin(part, child, remaining, &mut report.parts[next]) {
                    Ok((child, request)) => {
                        begun.push((next, Some(child.lease().clone())));
                        let is_recorded = self.is_recorded;
                        scope.spawn(child, move |cx| answer(agent, request, is_recorded, cx));
                    }
                    Err(error) => {
                        failures.push(error);
                        is_stopped = true;
                        scope.stop();
                    }
                }
                next += 1;
            }
            let Some(done) = scope.next().await else { break };
            let Some((place, lease)) = begun.get_mut(done.index) else { continue };
            let place = *place;
            if let Some(lease) = lease.take() {
                report.parts[place].spent = lease.spent().tokens;
            }
            match done.result {
                Ok(answer) => {
                    report.parts[place].answer = Some(self.optimizer.counter().count(&answer));
                    answers[place] = Some(answer);
                    cx.progress(|| Progress {
                        message: format!("answered {}", parts[place].name).into(),
                        done: answers.iter().flatten().count() as u64,
                        total: Some(parts.len() as u64),
                    });
                }
                Err(error) => {
                    if error.class() != Class::Suspended {
                        is_stopped = true;
                        scope.stop();
                    }
                    failures.push(error);
                }
            }
        }
        scope.close().await;
        match failures.into_iter().reduce(AgentError::merge) {
            None => Ok(answers.into_iter().flatten().collect()),
            Some(failure) => Err(self.settle(failure, cx).await?),
        }
    }

    /// Ends with a failure. One that is final closes what the other parts have left open: nobody will
    /// come by them again.
    async fn settle(&self, failure: AgentError, cx: &RunContext) -> Result<AgentError, AgentError> {
        if matches!(failure.class(), Class::Parked | Class::Diverged) {
            return Ok(failure);
        }
        // Of several failures the one that was journaled first decides.
        let first = if self.is_recorded { cx.first_failed_child() } else { None };
        let failure = first.unwrap_or(failure);
        if failure.class() == Class::Permanent {
            cx.close_children().await?;
        }
        Ok(failure)
    }

    /// The context of a part, and what its specialist is given. A part of which the journal knows nothing
    /// begins only where anything may.
    fn begin(
        &self,
        part: &Part,
        child: RunContext,
        remaining: Budget,
        report: &mut PartReport,
    ) -> Result<(RunContext, PartRequest), AgentError> {
        if !child.has_records() {
            child.check()?;
        }
        let child = child.with_budget(self.limit_of(part, remaining))?;
        let request = self.request(part, report);
        Ok((child, request.map_err(|error| of_part(&part.name, part.specialty, error.into()))?))
    }

    /// The tokens of the share, and of cost and calls, where they are limited, as much of what remains as
    /// the share is of all shares and the window, which is for who asks. A call cannot be divided: where
    /// there is one for each part, each has one, and its share of the others.
    fn limit_of(&self, part: &Part, remaining: Budget) -> Budget {
        let whole = (self.plan.shares() + self.plan.window) as u128;
        let of = |amount: u64| match amount {
            u64::MAX => amount,
            _ => u64::try_from(u128::from(amount) * part.share as u128 / whole.max(1))
                .unwrap_or(amount),
        };
        let calls = match remaining.calls.checked_sub(self.plan.parts.len() as u64) {
            Some(others) if remaining.calls < u64::MAX => 1 + of(others),
            _ => of(remaining.calls),
        };
        Budget::UNLIMITED
            .with_tokens(part.share as u64)
            .with_cost_micros(of(remaining.cost_micros))
            .with_calls(calls)
    }

    /// What a specialist is given. What is more than the share leaves room for is reduced.
    fn request(&self, part: &Part, report: &mut PartReport) -> Result<PartRequest, ContextError> {
        let plan = self.plan;
        let room = part.share.saturating_sub(plan.required + plan.answer);
        let mut segments = part.segments.clone();
        let mut given = part.tokens;
        if given > room {
            let reduced = self.optimizer.optimize_to(room, &segments, self.query)?;
            given = reduced.report.after;
            segments = reduced.segments;
            report.reduced = Some(reduced.report);
        }
        report.given = plan.required + given;
        Ok(PartRequest { segments, ..plan.request(part, self.question) })
    }

    /// What the report says of the parts before any has begun.
    pub(super) fn announce(&self, report: &mut DelegationReport) {
        report.kept = self.plan.after;
        report.parts = self.plan.parts.iter().map(PartReport::of).collect();
    }
}

async fn answer(
    agent: BoxAgent<PartRequest, String>,
    request: PartRequest,
    is_recorded: bool,
    cx: RunContext,
) -> Result<String, AgentError> {
    cx.pause_point().await?;
    let (part, specialty) = (request.part.clone(), request.specialty);
    let ask = async |request| {
        let answer = agent.run(request, &cx).await;
        answer.map_err(|error| of_part(&part, specialty, error))
    };
    if is_recorded { cx.branch(request, ask).await } else { ask(request).await }
}

/// Says which part has failed. What is no failure of the part stays what it is, so that it can be merged
/// and acted on.
fn of_part(part: &str, specialty: Specialty, error: AgentError) -> AgentError {
    match error.class() {
        Class::Suspended | Class::Parked | Class::Cancelled | Class::Diverged => error,
        _ => PartError { part: part.to_owned(), specialty, source: error }.into(),
    }
}
