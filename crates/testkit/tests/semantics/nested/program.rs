use std::num::NonZeroU32;

use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, Effect, RunContext, agent_fn};
use maniple_orchestration::{MapReduce, Pipeline, combiner};
use maniple_testkit::{Process, Random};

use super::patterns::{self, Policy};
use super::wrapped::Wrapper;
use crate::common::*;
use crate::settled::unsteady;

/// What a generated agent does with a number.
#[derive(Debug, Clone)]
pub(super) enum Program {
    Step(Effect),
    /// A step that fails transiently once, tried three times.
    Flaky(Effect),
    /// The same, tried once.
    Unsteady(Effect),
    /// A step that fails for good.
    Fails,
    Panics,
    Signal,
    Decision,
    Version,
    /// One after the other, in one context.
    Sequence(Vec<Program>),
    Pipeline(Box<Program>, Box<Program>),
    Map(usize, Box<Program>),
    /// A map whose inputs are worked on by different programs, in turn.
    Tolerant(Policy, usize, Vec<Program>),
    /// A map over a stream.
    Over(usize, Box<Program>),
    Join(patterns::Join, Vec<Program>),
    Gather(patterns::Goal, Vec<Program>),
    Flow(patterns::Items, usize, Box<Program>, Box<Program>),
    /// With policies around it, the innermost first.
    Wrapped(Vec<Wrapper>, Box<Program>),
}

impl Program {
    pub(super) fn generate(random: &mut Random, depth: u64) -> Self {
        let effect = |random: &mut Random| EFFECTS[random.index(4)];
        if depth == 0 || random.below(5) == 0 {
            return match random.below(20) {
                0..=7 => Self::Step(effect(random)),
                8..=10 => Self::Flaky(effect(random)),
                11 | 12 => Self::Signal,
                13 => Self::Decision,
                14 => Self::Version,
                15 | 16 => Self::Unsteady(EFFECTS[random.index(2)]),
                17 => Self::Panics,
                _ => Self::Fails,
            };
        }
        let one = |random: &mut Random| Box::new(Self::generate(random, depth - 1));
        let few = |random: &mut Random, count: usize| -> Vec<Self> {
            (0..count).map(|_| Self::generate(random, depth - 1)).collect()
        };
        match random.below(13) {
            10.. => Self::Wrapped(Wrapper::generate(random), one(random)),
            0 => Self::Sequence(few(random, 2)),
            1 => Self::Pipeline(one(random), one(random)),
            2 => Self::Map(2 + random.index(2), one(random)),
            3 | 4 => {
                let policy = Policy::generate(random);
                Self::Tolerant(policy, 2 + random.index(2), few(random, 2))
            }
            5 => Self::Over(2, one(random)),
            6 => Self::Join(patterns::Join::ALL[random.index(4)], few(random, 2)),
            9 => {
                let goal = patterns::Goal::generate(random);
                let parts = 2 + random.index(2);
                Self::Gather(goal, few(random, parts))
            }
            _ => {
                let items = patterns::Items::ALL[random.index(4)];
                Self::Flow(items, 2 + random.index(2), one(random), one(random))
            }
        }
    }

    /// How many failures and how many panics the program could end with, where the first decides. All
    /// failures are alike; a panic names its place.
    fn ends(&self) -> [usize; 2] {
        let sum = |parts: &[&Self], times: usize| {
            let all = parts.iter().map(|part| part.ends());
            all.fold([0, 0], |[fails, panics], [f, p]| [fails + times * f, panics + times * p])
        };
        match self {
            Self::Fails => [1, 0],
            Self::Panics => [0, 1],
            Self::Sequence(parts) => sum(&parts.iter().collect::<Vec<_>>(), 1),
            Self::Pipeline(a, b) => sum(&[a, b], 1),
            Self::Map(items, part) | Self::Over(items, part) => sum(&[part], *items),
            Self::Join(join, parts) if !join.is_tolerant() => {
                sum(&parts.iter().collect::<Vec<_>>(), 1)
            }
            Self::Gather(goal, parts) if !goal.is_tolerant() => {
                sum(&parts.iter().collect::<Vec<_>>(), 1)
            }
            Self::Flow(items, count, a, b) if !items.is_tolerant() => sum(&[a, b], *count),
            Self::Wrapped(wrappers, part) if !wrappers.contains(&Wrapper::Fallback) => part.ends(),
            _ => [0, 0],
        }
    }

    /// Whether time or arrival has a say in how the program ends.
    pub(super) fn races(&self) -> bool {
        self.races_in(false)
    }

    /// `tolerated`: where a failure that is not final may become a part of the outcome.
    fn races_in(&self, tolerated: bool) -> bool {
        let [fails, panics] = self.ends();
        if panics > 0 && fails + panics > 1 {
            return true;
        }
        match self {
            Self::Unsteady(_) => tolerated,
            Self::Sequence(parts) => parts.iter().any(|part| part.races_in(tolerated)),
            Self::Pipeline(a, b) => a.races_in(tolerated) || b.races_in(tolerated),
            Self::Map(_, part) | Self::Over(_, part) => part.races_in(tolerated),
            Self::Tolerant(policy, _, parts) => {
                policy.races() || parts.iter().any(|part| part.races_in(true))
            }
            Self::Join(join, parts) => {
                parts.iter().any(|part| part.races_in(tolerated || join.is_tolerant()))
            }
            Self::Gather(goal, parts) => {
                goal.races()
                    || parts.iter().any(|part| part.races_in(tolerated || goal.is_tolerant()))
            }
            Self::Flow(items, _, a, b) => {
                let tolerated = tolerated || items.is_tolerant();
                a.races_in(tolerated) || b.races_in(tolerated)
            }
            Self::Wrapped(wrappers, part) => {
                part.races_in(tolerated || wrappers.contains(&Wrapper::Fallback))
            }
            _ => false,
        }
    }

    pub(super) fn build(&self, process: &Process) -> BoxAgent<u64, u64> {
        let process = process.clone();
        match self.clone() {
            Self::Step(effect) => agent_fn("step", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    let n = add_one(&cx, &process, "do", effect, n).await?;
                    process.returned(&format!("{}/do", cx.path().as_str()));
                    Ok(n)
                }
            })
            .boxed(),
            Self::Flaky(effect) => agent_fn("flaky", move |n: u64, cx| {
                let process = process.clone();
                async move { flaky(&cx, &process, effect, n).await }
            })
            .boxed(),
            Self::Fails => agent_fn("fails", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    cx.step("fail", Effect::Idempotent, n, |_, step| async move {
                        process.perform(&step, || Err::<u64, _>(AgentError::permanent("no"))).await
                    })
                    .await
                }
            })
            .boxed(),
            Self::Signal => {
                agent_fn(
                    "ask",
                    |n: u64, cx| async move { Ok(n + cx.signal::<u64>("answer").await?) },
                )
                .boxed()
            }
            Self::Decision => agent_fn("decide", |n: u64, cx| async move {
                let chosen = cx.decide("which", || 7_u64).await?;
                Ok(n + chosen)
            })
            .boxed(),
            Self::Version => agent_fn("version", |n: u64, cx| async move {
                Ok(n + u64::from(cx.version("v", 3).await?))
            })
            .boxed(),
            Self::Sequence(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.build(&process)).collect();
                agent_fn("sequence", move |n: u64, cx| {
                    let parts = parts.clone();
                    async move {
                        let mut n = n;
                        for part in parts {
                            n = part.run(n, &cx.child(part.name())).await?;
                        }
                        Ok(n)
                    }
                })
                .boxed()
            }
            Self::Pipeline(a, b) => Pipeline::new("pipeline", a.build(&process))
                .then(b.build(&process))
                .durable()
                .boxed(),
            Self::Unsteady(effect) => unsteady(&process, effect).boxed(),
            Self::Panics => agent_fn("panics", |_: u64, _cx| async {
                // As a panic that no hook hears of.
                std::panic::resume_unwind(Box::new("it panics"))
            })
            .boxed(),
            Self::Tolerant(policy, items, parts) => {
                patterns::tolerant(policy, items, Self::build_all(&parts, &process))
            }
            Self::Over(items, part) => patterns::over(items, part.build(&process)),
            Self::Join(join, parts) => patterns::join(join, &Self::build_all(&parts, &process)),
            Self::Gather(goal, parts) => patterns::gather(goal, Self::build_all(&parts, &process)),
            Self::Flow(items, count, a, b) => {
                patterns::flow(items, count, a.build(&process), b.build(&process), process)
            }
            Self::Wrapped(wrappers, part) => {
                let part = part.build(&process);
                wrappers.into_iter().fold(part, |agent, wrapper| wrapper.around(agent, &process))
            }
            Self::Map(items, part) => {
                let map = MapReduce::new(
                    "map",
                    part.build(&process),
                    combiner(|| 1, |a: u64, b: u64| a.wrapping_mul(31).wrapping_add(b)),
                );
                let map = map.with_concurrency(2).durable().boxed();
                agent_fn("spread", move |n: u64, cx| {
                    let map = map.clone();
                    async move {
                        let inputs = (0..items as u64).map(|i| n + i).collect();
                        map.run(inputs, &cx.child("map")).await
                    }
                })
                .boxed()
            }
        }
    }

    fn build_all(parts: &[Self], process: &Process) -> Vec<BoxAgent<u64, u64>> {
        parts.iter().map(|part| part.build(process)).collect()
    }
}

async fn flaky(
    cx: &RunContext,
    process: &Process,
    effect: Effect,
    n: u64,
) -> Result<u64, AgentError> {
    let three = NonZeroU32::new(3).unwrap();
    cx.attempts("tries", three, |cx| {
        let process = process.clone();
        async move {
            let n = add_one(&cx, &process, "solid", effect, n).await?;
            let key = format!("{}/shaky", cx.path().as_str());
            cx.step("shaky", Effect::Idempotent, n, |n, step| async move {
                let first = process.world().executions(&key) == 0;
                let once = || AgentError::transient("once");
                process.perform(&step, || if first { Err(once()) } else { Ok(n + 1) }).await
            })
            .await
        }
    })
    .await
}
