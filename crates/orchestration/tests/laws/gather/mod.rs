//! The same request to many responders, some of which are faulty.

mod agreement;
mod faults;
mod odd;
mod quorum;
mod resume;
mod within;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use maniple_core::{AgentError, BaseAgent, RunContext, agent_fn};
use maniple_orchestration::{Partial, PatternReport, Reported, ScatterGather};
use proptest::prelude::*;

use crate::lab::*;

/// What one responder does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    pub(crate) millis: u64,
    pub(crate) end: Ends,
    /// For how long it goes on when it is asked to stop, before it ends as it would have.
    pub(crate) deaf: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Answers(u8),
    FailsForGood,
    FailsForNow,
    Panics,
    Never,
    /// Waits for a signal that nobody gives.
    Waits,
}

impl Act {
    /// One that answers after so long, and stops when it is asked to.
    pub(crate) fn answers(answer: u8, millis: u64) -> Self {
        Self { millis, end: Ends::Answers(answer), deaf: 0 }
    }

    pub(crate) fn ends(end: Ends, millis: u64) -> Self {
        Self { millis, end, deaf: 0 }
    }

    pub(crate) fn answer(&self) -> Option<u8> {
        match self.end {
            Ends::Answers(answer) => Some(answer),
            _ => None,
        }
    }

    async fn act(self, cx: &RunContext) -> Result<u8, AgentError> {
        let work = async {
            if self.end == Ends::Never {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(self.millis)).await;
        };
        if let Either::Right(_) = select(pin!(work), pin!(cx.cancelled())).await {
            if self.end == Ends::Never {
                std::future::pending::<()>().await;
            }
            if self.deaf == 0 {
                cx.check()?;
            }
            tokio::time::sleep(Duration::from_millis(self.deaf)).await;
        }
        match self.end {
            Ends::Answers(answer) => Ok(answer),
            Ends::FailsForGood => Err(AgentError::permanent("no")),
            Ends::FailsForNow => Err(AgentError::transient("later")),
            Ends::Panics => panic!("a responder panics"),
            Ends::Never => std::future::pending().await,
            Ends::Waits => cx.signal("never").await,
        }
    }
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![
        8 => (0..3_u8).prop_map(Ends::Answers),
        1 => Just(Ends::FailsForGood),
        1 => Just(Ends::FailsForNow),
        1 => Just(Ends::Panics),
        1 => Just(Ends::Never),
        1 => Just(Ends::Waits),
    ]
}

/// Responders most of which answer, at times that often meet.
pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..12_u64, ends(), prop_oneof![2 => Just(0), 1 => 1..9_u64]);
    let act = act.prop_map(|(millis, end, deaf)| Act { millis, end, deaf });
    prop::collection::vec(act, 0..9)
}

/// Lets those end that never do, where it would be right to wait for them: without a time, or others
/// who answer beside them.
pub(crate) fn bounded(mut acts: Vec<Act>, goal: Goal, limit: usize) -> Vec<Act> {
    let answers = acts.iter().filter(|act| act.answer().is_some()).count();
    let is_settled = match goal {
        Goal::Within(..) => true,
        Goal::First(k) => answers >= k.max(1) && limit > count(&acts, Ends::Never),
        _ => false,
    };
    for act in acts.iter_mut().filter(|act| act.end == Ends::Never && !is_settled) {
        act.end = Ends::Answers(0);
    }
    acts
}

pub(crate) fn count(acts: &[Act], end: Ends) -> usize {
    acts.iter().filter(|act| act.end == end).count()
}

/// An agent that does what is said of it.
pub(crate) fn responder(
    gauge: &Gauge,
    act: Act,
) -> impl BaseAgent<Input = u32, Output = u8> + use<> {
    let gauge = gauge.clone();
    agent_fn("responder", move |_: u32, cx| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            act.act(&cx).await
        }
    })
}

/// Responders by their places.
pub(crate) fn gather(
    gauge: &Gauge,
    acts: &[Act],
) -> ScatterGather<usize, impl BaseAgent<Input = u32, Output = u8> + use<>> {
    let responders = acts.iter().map(|act| responder(gauge, *act));
    let gather = ScatterGather::new("gather", (0..).zip(responders.collect::<Vec<_>>()));
    gather.with_grace(Duration::from_millis(GRACE)).durable()
}

/// How long responders may take to end, in milliseconds.
pub(crate) const GRACE: u64 = 5;

/// What a generated gather asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    All,
    First(usize),
    Quorum(usize),
    Majority,
    Best,
    Within(u64, usize),
}

pub(crate) fn goals() -> impl Strategy<Value = Goal> {
    prop_oneof![
        Just(Goal::All),
        (0..6_usize).prop_map(Goal::First),
        (0..6_usize).prop_map(Goal::Quorum),
        Just(Goal::Majority),
        Just(Goal::Best),
        (0..14_u64, 0..4_usize).prop_map(|(millis, least)| Goal::Within(millis, least)),
    ]
}

/// How a gather has ended, in a form that can be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gathered {
    /// What was returned, written out.
    pub(crate) text: String,
    pub(crate) answers: BTreeMap<usize, u8>,
    pub(crate) failed: Vec<(usize, String)>,
    pub(crate) cancelled: Vec<usize>,
    pub(crate) skipped: Vec<usize>,
    pub(crate) suspended: Vec<usize>,
}

pub(crate) struct Ended {
    pub(crate) result: Result<Gathered, AgentError>,
    pub(crate) report: PatternReport,
}

pub(crate) async fn run(lab: &Lab, goal: Goal, acts: &[Act], limit: usize) -> Ended {
    let gather = gather(&lab.gauge, acts).with_concurrency(limit);
    let cx = lab.cx();
    match goal {
        Goal::All => {
            let Reported { result, report } = gather.run_reported(1, &cx).await;
            let whole = |ok| Partial {
                ok,
                failed: Vec::new(),
                cancelled: Vec::new(),
                skipped: Vec::new(),
                suspended: Vec::new(),
            };
            ended(Reported { result: result.map(whole), report }, Clone::clone)
        }
        Goal::First(k) => ended(gather.first(k).run_reported(1, &cx).await, Clone::clone),
        Goal::Within(millis, least) => {
            let within = gather.within(Duration::from_millis(millis), least);
            ended(within.run_reported(1, &cx).await, Clone::clone)
        }
        Goal::Quorum(k) => {
            let quorum = gather.quorum(k, |a, b| a == b);
            ended(quorum.run_reported(1, &cx).await, |agreement| {
                all(&agreement.by, agreement.answer, &agreement.dissent)
            })
        }
        Goal::Majority => {
            let majority = gather.majority(|a, b| a == b);
            ended(majority.run_reported(1, &cx).await, |agreement| {
                all(&agreement.by, agreement.answer, &agreement.dissent)
            })
        }
        Goal::Best => {
            let best = gather.best_by(|answer| f64::from(*answer));
            ended(best.run_reported(1, &cx).await, |best| {
                all(&[best.by].into(), best.answer, &best.others)
            })
        }
    }
}

fn all(by: &BTreeSet<usize>, answer: u8, others: &BTreeMap<usize, u8>) -> BTreeMap<usize, u8> {
    let by = by.iter().map(|name| (*name, answer));
    by.chain(others.iter().map(|(name, answer)| (*name, *answer))).collect()
}

fn ended<T: Debug>(
    reported: Reported<Partial<T, usize>>,
    answers: impl FnOnce(&T) -> BTreeMap<usize, u8>,
) -> Ended {
    check_report(&reported.report);
    let result = reported.result.map(|partial| {
        left_out(&partial);
        let failed = partial.failed.iter();
        Gathered {
            text: format!("{:?}", partial.ok),
            answers: answers(&partial.ok),
            failed: failed.map(|(name, error)| (*name, error.recorded().to_string())).collect(),
            cancelled: partial.cancelled,
            skipped: partial.skipped,
            suspended: partial.suspended,
        }
    });
    Ended { result, report: reported.report }
}

impl Gathered {
    /// The names of all that are not answers.
    pub(crate) fn left_out(&self) -> BTreeSet<usize> {
        let failed = self.failed.iter().map(|(name, _)| name);
        let rest = [&self.cancelled, &self.skipped, &self.suspended].into_iter().flatten();
        failed.chain(rest).copied().collect()
    }
}

/// So many milliseconds.
pub(crate) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap()
}

/// All orders of the first so many numbers.
pub(crate) fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(of - 1) {
        for at in 0..of {
            let mut order = shorter.clone();
            order.insert(at, of - 1);
            all.push(order);
        }
    }
    all
}
