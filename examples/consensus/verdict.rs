//! Asks the judges, and makes a verdict of what they say.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use maniple::core::{AgentError, BaseAgent, RunContext};
use maniple::orchestration::{Part, Partial, PartialGather, ScatterGather};

use crate::command::{Rule, Task};
use crate::desk::Desk;
use crate::judge::{Opinion, Seat};
use crate::language::Language;
use crate::problem::Problem;
use crate::walk::Folder;

/// How it has ended.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// What the folder is mainly written in, or why that is not settled.
    pub(crate) language: Result<Language, Problem>,
    /// The answers that count.
    pub(crate) answers: BTreeMap<Seat, Opinion>,
    /// Those that have no opinion, and why.
    pub(crate) failed: Vec<(Seat, String)>,
    /// Those that had begun when it was settled.
    pub(crate) stopped: Vec<Seat>,
    /// Those that had not.
    pub(crate) not_begun: Vec<Seat>,
    pub(crate) wall: Duration,
}

/// Whoever wants to hear each answer as it arrives.
pub(crate) type Listener<'a> = &'a mut (dyn FnMut(Seat, &Opinion) -> Result<(), Problem> + Send);

/// Asks all judges at the same time, until the rule is satisfied.
pub(crate) async fn ask(
    task: &Task,
    rule: Rule,
    folder: Folder,
    desk: &Desk,
    cx: &RunContext,
    listener: Listener<'_>,
) -> Result<Verdict, Problem> {
    let judges = task.seats.iter().map(|seat| (*seat, seat.judge.agent(desk.clone())));
    let gather = ScatterGather::new("judges", judges).with_concurrency(task.jobs.get()).durable();
    let agree = |one: &Opinion, other: &Opinion| one.language == other.language;
    let hearing = Hearing { seats: &task.seats, desk, folder, cx, listener };
    match rule {
        Rule::Majority => hearing.hear(gather.majority(agree), |it| it.answer.language).await,
        Rule::Quorum(least) => {
            hearing.hear(gather.quorum(least, agree), |it| it.answer.language).await
        }
        Rule::Best => {
            hearing.hear(gather.best_by(Opinion::confidence), |it| it.answer.language).await
        }
        Rule::First(answers) => hearing.hear(gather.first(answers), |it| most(&it)).await,
        Rule::Within { time, least } => {
            hearing.hear(gather.within(time, least), |it| most(&it)).await
        }
    }
}

struct Hearing<'a> {
    seats: &'a [Seat],
    desk: &'a Desk,
    folder: Folder,
    cx: &'a RunContext,
    listener: Listener<'a>,
}

impl Hearing<'_> {
    async fn hear<A, T>(
        self,
        gather: PartialGather<Seat, A, T>,
        language: impl FnOnce(T) -> Language,
    ) -> Result<Verdict, Problem>
    where
        A: BaseAgent<Input = Folder, Output = Opinion>,
        T: Send + 'static,
    {
        let mut answers = BTreeMap::new();
        let mut parts = gather.parts(self.folder, self.cx);
        while let Some(part) = parts.next().await {
            match part {
                Part::Output { key, output } => {
                    (self.listener)(key, &output)?;
                    answers.insert(key, output);
                }
                Part::Settled(reported) => {
                    let wall = reported.report.wall;
                    return match reported.result {
                        Ok(partial) => Ok(settled(partial, language, answers, wall)),
                        Err(error) => unsettled(error, self.seats, self.desk, answers, wall),
                    };
                }
            }
        }
        unreachable!("the last part is the result")
    }
}

fn settled<T>(
    partial: Partial<T, Seat>,
    language: impl FnOnce(T) -> Language,
    answers: BTreeMap<Seat, Opinion>,
    wall: Duration,
) -> Verdict {
    let Partial { ok, failed, mut cancelled, skipped, suspended } = partial;
    // No judge waits for a signal.
    cancelled.extend(suspended);
    Verdict {
        language: Ok(language(ok)),
        answers,
        failed: failed.into_iter().map(|(seat, why)| (seat, why.to_string())).collect(),
        stopped: cancelled,
        not_begun: skipped,
        wall,
    }
}

/// Where it fails, the pattern says no more than why; what became of each judge is on the desk.
fn unsettled(
    error: AgentError,
    seats: &[Seat],
    desk: &Desk,
    answers: BTreeMap<Seat, Opinion>,
    wall: Duration,
) -> Result<Verdict, Problem> {
    let problem = match error.into() {
        problem @ (Problem::NoAgreement { .. } | Problem::TooFew { .. }) => problem,
        problem => return Err(problem),
    };
    let (mut failed, mut stopped, mut not_begun) = (Vec::new(), Vec::new(), Vec::new());
    for seat in seats.iter().filter(|seat| !answers.contains_key(seat)) {
        match desk.failure(seat.judge) {
            Some(why) => failed.push((*seat, why.to_owned())),
            None if desk.has_begun(seat.judge) => stopped.push(*seat),
            None => not_begun.push(*seat),
        }
    }
    Ok(Verdict { language: Err(problem), answers, failed, stopped, not_begun, wall })
}

/// The language of most answers; of equals the one of more confidence, and then the first by name.
fn most(answers: &BTreeMap<Seat, Opinion>) -> Language {
    let mut said: BTreeMap<Language, (usize, f64)> = BTreeMap::new();
    for opinion in answers.values() {
        let (judges, confidence) = said.entry(opinion.language).or_default();
        *judges += 1;
        *confidence += opinion.confidence();
    }
    let most = said.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    most.map(|(language, _)| language).expect("it is settled by one answer at least")
}
