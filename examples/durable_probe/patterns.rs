//! The same steps, in each of the patterns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use maniple::core::{
    AgentError, BaseAgent, Class, Effect, Key, Run, RunContext, StepContext, agent_fn,
};
use maniple::orchestration::{
    ForkJoin, Given, Handle, MapReduce, Pipeline, Saga, ScatterGather, StepBuilder, combiner,
};

use crate::command::{Command, Pattern};
use crate::effects::Effects;

/// The pattern is the root agent of the run.
const ROOT: &str = "probe";
/// The stages of the pipeline.
const CHOOSE: &str = "choose";
const ACT: &str = "act";
const STEP: &str = "append";
/// How long a slow responder waits before its step.
const SLOW: Duration = Duration::from_millis(20);
/// How many steps of the saga do not come after each other.
const LANES: usize = 4;

/// Runs all steps, and returns the sum of what they return.
pub(crate) async fn execute(
    run: &Run,
    command: &Command,
    effects: Arc<Effects>,
) -> Result<u64, AgentError> {
    let jobs = command.jobs.get();
    let step = Step { effects, effect: command.effect.effect(), fail_at: command.fail_at };
    let numbers: Vec<u64> = (0..command.steps).collect();
    match command.pattern {
        Pattern::Pipeline => {
            let choose = agent_fn(CHOOSE, |number: u64, _cx| async move { Ok(number) });
            let flow =
                Pipeline::new(ROOT, choose).then(act(step)).with_concurrency(jobs).durable().flow();
            Ok(run.execute(flow, numbers).await?.into_iter().sum())
        }
        Pattern::MapReduce => {
            let sum = combiner(|| 0, |a: u64, b| a + b).commutative();
            let map =
                MapReduce::new(ROOT, act(step), sum).unordered().with_concurrency(jobs).durable();
            run.execute(map, numbers).await
        }
        Pattern::ForkJoin => {
            let fork = ForkJoin::named(ROOT, agents(&numbers, &step).collect());
            let fork = fork.with_concurrency(jobs).durable();
            Ok(run.execute(fork, ()).await?.into_values().sum())
        }
        Pattern::ScatterGather => {
            let gather = ScatterGather::new(ROOT, agents(&numbers, &step));
            let gather = gather.with_concurrency(jobs).durable();
            Ok(run.execute(gather, ()).await?.into_values().sum())
        }
        Pattern::Quorum => {
            let half = numbers.len().div_ceil(2);
            let responders =
                numbers.into_iter().map(|number| (Branch(number), respond(number, &step)));
            let gather = ScatterGather::new(ROOT, responders).first(half);
            let gather = gather.with_concurrency(jobs).durable();
            Ok(run.execute(gather, ()).await?.ok.into_values().sum())
        }
        Pattern::Saga => execute_saga(run, &numbers, jobs, &step).await,
    }
}

/// How many steps the journal knows the outcome of. Asked before the pattern runs, because then it
/// knows only what earlier processes have done.
pub(crate) fn known(run: &Run, command: &Command) -> u64 {
    let root = run.context().child(ROOT);
    let known = |number: &u64| {
        let child = match command.pattern {
            Pattern::Pipeline | Pattern::MapReduce => root.child_at(*number),
            Pattern::ForkJoin | Pattern::ScatterGather | Pattern::Quorum | Pattern::Saga => {
                root.child_at(Branch(*number).to_string().as_str())
            }
        };
        let place = match command.pattern {
            Pattern::Pipeline => child.child(ACT),
            Pattern::MapReduce | Pattern::ForkJoin | Pattern::ScatterGather | Pattern::Quorum => {
                child.clone()
            }
            Pattern::Saga => child.child("do"),
        };
        let step = match command.pattern {
            Pattern::Saga => Branch(*number).to_string(),
            _ => STEP.to_owned(),
        };
        let step = Key::new(&format!("{}/{step}", place.path()));
        run.is_done(&child.path()) || run.is_done(&place.path()) || run.is_done(&step)
    };
    (0..command.steps).filter(known).count() as u64
}

/// Runs the steps as a saga in which each adds to the sum of the one before it in its lane.
async fn execute_saga(
    run: &Run,
    numbers: &[u64],
    jobs: usize,
    step: &Step,
) -> Result<u64, AgentError> {
    let mut saga = Saga::builder(ROOT);
    saga.with_concurrency(jobs);
    let lanes = if numbers.len() < LANES { 1 } else { LANES };
    let mut last: Vec<Handle<u64>> = Vec::with_capacity(lanes);
    for (place, number) in numbers.iter().enumerate() {
        let adding = saga.step(Branch(*number).to_string());
        if let Some(before) = last.get_mut(place % lanes) {
            *before = step.add_to(adding.given(*before).after(*before), *number, |sum| sum);
        } else {
            last.push(step.add_to(adding.first(), *number, |()| 0));
        }
    }
    let unfit = |error| AgentError::new(Class::Permanent, error);
    match last[..] {
        [a, b, c, d] => {
            let (a, b, c, d) = run.execute(saga.build((a, b, c, d)).map_err(unfit)?, ()).await?;
            Ok(a + b + c + d)
        }
        [all] => run.execute(saga.build(all).map_err(unfit)?, ()).await,
        _ => unreachable!("there is one step at least, and one lane or all"),
    }
}

/// The agents that do the steps of these numbers, by name.
fn agents<'a>(
    numbers: &'a [u64],
    step: &'a Step,
) -> impl Iterator<Item = (Branch, impl BaseAgent<Input = (), Output = u64> + use<>)> + use<'a> {
    numbers.iter().map(|number| (Branch(*number), act_on(*number, step)))
}

/// The name of a branch of the fork-join, of a responder, and of a step of the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Branch(u64);

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step-{}", self.0)
    }
}

#[derive(Debug, Clone)]
struct Step {
    effects: Arc<Effects>,
    effect: Effect,
    fail_at: Option<u64>,
}

impl Step {
    async fn run(self, number: u64, cx: RunContext) -> Result<u64, AgentError> {
        let effect = self.effect;
        cx.step(STEP, effect, number, |number, step| self.act(number, step)).await
    }

    async fn act(self, number: u64, step: StepContext) -> Result<u64, AgentError> {
        if self.fail_at == Some(number) {
            return Err(AgentError::permanent(format!("step {number} fails, as was asked for")));
        }
        self.effects.append(step.key().as_str()).await?;
        Ok(number + 1)
    }

    /// As a step of a saga, which adds to the sum that it is given.
    fn add_to<G: Given>(
        &self,
        adding: StepBuilder<'_, (), G>,
        number: u64,
        sum: fn(G::Values) -> u64,
    ) -> Handle<u64> {
        let (acting, undoing) = (self.clone(), self.clone());
        let acting = adding.run(self.effect, move |(), given, step| {
            let acting = acting.clone();
            async move { Ok(sum(given) + acting.act(number, step).await?) }
        });
        if self.effect == Effect::Irreversible {
            return acting.cannot_undo();
        }
        acting.undo(move |_, step| {
            let effects = undoing.effects.clone();
            async move { effects.append(step.key().as_str()).await }
        })
    }
}

/// The agent that does the step of any number.
fn act(step: Step) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn(ACT, move |number: u64, cx| step.clone().run(number, cx))
}

/// The agent that does the step of this number.
fn act_on(number: u64, step: &Step) -> impl BaseAgent<Input = (), Output = u64> + use<> {
    let step = step.clone();
    agent_fn(ACT, move |(), cx| step.clone().run(number, cx))
}

/// As [`act_on`], but that some are slow, and some fail when they have done their step.
fn respond(number: u64, step: &Step) -> impl BaseAgent<Input = (), Output = u64> + use<> {
    let step = step.clone();
    agent_fn(ACT, move |(), cx| {
        let step = step.clone();
        async move {
            if number % 7 == 3 {
                tokio::time::sleep(SLOW).await;
            }
            let answer = step.run(number, cx).await?;
            if number % 5 == 4 {
                return Err(AgentError::permanent(format!("responder {number} has no answer")));
            }
            Ok(answer)
        }
    })
}
