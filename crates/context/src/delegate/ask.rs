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

/// What became of a part so far.
struct Standing {
    lease: Option<Lease>,
    result: Option<Result<String, AgentError>>,
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
        let mut standings: Vec<Standing> =
            parts.iter().map(|_| Standing { lease: None, result: None }).collect();
        let mut scope = Scope::open(cx)?.with_grace(self.grace);
        let mut begun: Vec<usize> = Vec::new();
        let mut next = 0;
        let mut is_stopped = false;
        let mut answered = 0;
        loop {
            while !is_stopped && next < parts.len() && scope.len() < self.limit {
                let part = &parts[next];
                let child = scope.child_at(part.name.as_str());
                let limit = self.limit_of(part, remaining);
                let agent = specialist(part.specialty)
                    .expect("a plan has parts only of specialties that somebody answers for");
                let opened = open(child, limit).and_then(|child| {
                    let request = self.request(part, &mut report.parts[next])?;
                    Ok((child, request))
                });
                match opened {
                    Ok((child, request)) => {
                        standings[next].lease = Some(child.lease().clone());
                        let is_recorded = self.is_recorded;
                        scope.spawn(child, move |cx| answer(agent, request, is_recorded, cx));
                        begun.push(next);
                    }
                    Err(error) => {
                        standings[next].result = Some(Err(error));
                        is_stopped = true;
                        scope.stop();
                    }
                }
                next += 1;
            }
            let Some(done) = scope.next().await else { break };
            let Some(place) = begun.get(done.index).copied() else { continue };
            match &done.result {
                Ok(answer) => {
                    answered += 1;
                    report.parts[place].answer = Some(self.optimizer.counter().count(answer));
                    cx.progress(|| Progress {
                        message: format!("answered {}", parts[place].name).into(),
                        done: answered,
                        total: Some(parts.len() as u64),
                    });
                }
                Err(error) if error.class() == Class::Suspended => {}
                Err(_) => {
                    is_stopped = true;
                    scope.stop();
                }
            }
            if let Some(lease) = standings[place].lease.take() {
                report.parts[place].spent = lease.spent().tokens;
            }
            standings[place].result = Some(done.result);
        }
        scope.close().await;
        self.settle(standings, cx).await
    }

    /// All answers, or the one error that stands for all failures, whatever came first.
    async fn settle(
        &self,
        standings: Vec<Standing>,
        cx: &RunContext,
    ) -> Result<Vec<String>, AgentError> {
        let mut answers = Vec::with_capacity(standings.len());
        let mut failure: Option<AgentError> = None;
        for (standing, part) in standings.into_iter().zip(&self.plan.parts) {
            match standing.result {
                Some(Ok(answer)) => answers.push(answer),
                Some(Err(error)) => {
                    let error = of_part(part, error);
                    failure = Some(match failure {
                        Some(before) => before.merge(error),
                        None => error,
                    });
                }
                // It was never begun, and there is a failure that says why.
                None => {}
            }
        }
        match failure {
            None => Ok(answers),
            Some(failure) => {
                if failure.class() == Class::Permanent {
                    // Nobody will come by the other parts again.
                    cx.close_children().await?;
                }
                Err(failure)
            }
        }
    }

    /// The tokens of the share, and of cost and calls, where they are limited, as much of what remains as
    /// the share is of all shares and the window, which is for who asks.
    fn limit_of(&self, part: &Part, remaining: Budget) -> Budget {
        let whole = (self.plan.shares() + self.plan.window) as u128;
        let of = |amount: u64| match amount {
            u64::MAX => amount,
            _ => u64::try_from(u128::from(amount) * part.share as u128 / whole.max(1))
                .unwrap_or(amount),
        };
        Budget::UNLIMITED
            .with_tokens(part.share as u64)
            .with_cost_micros(of(remaining.cost_micros))
            .with_calls(of(remaining.calls))
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
        Ok(PartRequest {
            part: part.name.clone(),
            specialty: part.specialty,
            requirements: plan.requirements.clone(),
            segments,
            question: self.question.map(str::to_owned),
            share: part.share,
            answer: plan.answer,
        })
    }

    /// What the report says of the parts before any has begun.
    pub(super) fn announce(&self, report: &mut DelegationReport) {
        (report.kept, report.excess) = (self.plan.after, self.plan.excess);
        report.parts = self.plan.parts.iter().map(PartReport::of).collect();
    }
}

/// The context of a part. One of which the journal knows nothing begins only where anything may.
fn open(child: RunContext, limit: Budget) -> Result<RunContext, AgentError> {
    if !child.has_records() {
        child.check()?;
    }
    child.with_budget(limit)
}

async fn answer(
    agent: BoxAgent<PartRequest, String>,
    request: PartRequest,
    is_recorded: bool,
    cx: RunContext,
) -> Result<String, AgentError> {
    cx.pause_point().await?;
    if is_recorded {
        cx.branch(request, |request| agent.run(request, &cx)).await
    } else {
        agent.run(request, &cx).await
    }
}

/// Says which part has failed. What is no failure of the part stays what it is, so that it can be merged
/// and acted on.
fn of_part(part: &Part, error: AgentError) -> AgentError {
    match error.class() {
        Class::Suspended | Class::Parked | Class::Cancelled | Class::Diverged => error,
        _ => {
            let (part, specialty) = (part.name.clone(), part.specialty);
            PartError { part, specialty, source: error }.into()
        }
    }
}
