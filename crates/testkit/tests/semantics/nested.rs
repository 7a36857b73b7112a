//! Generated programs of patterns in patterns, three deep, crashed at every prefix of their journals.

use std::num::NonZeroU32;

use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Class, Effect, Fact, Reconciled, RecordedError,
    agent_fn, reconciler_fn,
};
use maniple_orchestration::{MapReduce, Pipeline, combiner};
use maniple_testkit::{Crash, Ended, Machine, Moment, Process, Random};

use crate::common::*;

const PROGRAMS: u64 = 40;
const DEPTH: u64 = 3;

/// What a generated agent does with a number.
#[derive(Debug, Clone)]
enum Program {
    Step(Effect),
    /// A step that fails transiently once, tried three times.
    Flaky(Effect),
    /// A step that fails for good.
    Fails,
    Signal,
    Decision,
    Version,
    /// One after the other, in one context.
    Sequence(Vec<Program>),
    Pipeline(Box<Program>, Box<Program>),
    Map(usize, Box<Program>),
}

impl Program {
    fn generate(random: &mut Random, depth: u64) -> Self {
        let effect = |random: &mut Random| EFFECTS[random.index(4)];
        if depth == 0 || random.below(5) == 0 {
            return match random.below(16) {
                0..=7 => Self::Step(effect(random)),
                8..=10 => Self::Flaky(effect(random)),
                11 | 12 => Self::Signal,
                13 => Self::Decision,
                14 => Self::Version,
                _ => Self::Fails,
            };
        }
        match random.below(3) {
            0 => Self::Sequence((0..2).map(|_| Self::generate(random, depth - 1)).collect()),
            1 => Self::Pipeline(
                Box::new(Self::generate(random, depth - 1)),
                Box::new(Self::generate(random, depth - 1)),
            ),
            _ => {
                let items = 2 + random.index(2);
                Self::Map(items, Box::new(Self::generate(random, depth - 1)))
            }
        }
    }

    /// How many different failures the program could end with: more than one, and which comes first
    /// depends on the interleaving.
    fn failures(&self) -> usize {
        match self {
            Self::Fails => 1,
            Self::Sequence(parts) => parts.iter().map(Self::failures).sum(),
            Self::Pipeline(a, b) => a.failures() + b.failures(),
            Self::Map(items, part) => items * part.failures(),
            _ => 0,
        }
    }

    fn build(&self, process: &Process) -> BoxAgent<u64, u64> {
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
}

async fn flaky(
    cx: &maniple_core::RunContext,
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

/// Who answers for steps in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oracle {
    /// The service, which knows what it was given.
    Service,
    /// Nobody.
    Nobody,
}

/// What a host does: resumes the run, delivers what it waits for, and goes on until it has ended.
async fn host(
    machine: &Machine,
    program: &Program,
    oracle: Oracle,
    crashes: &[Crash],
) -> Result<u64, RecordedError> {
    let mut crashes = crashes.iter().cloned();
    for _ in 0..40 {
        let world = machine.world().clone();
        let service = reconciler_fn(move |doubt| {
            let answer = world.answer(doubt.idempotency_key);
            std::future::ready(answer.map_or(Reconciled::Rerun, Reconciled::Completed))
        });
        let crash = crashes.next().unwrap_or_else(Crash::never);
        let configure = |run: maniple_core::RunBuilder| match oracle {
            Oracle::Service => run.with_reconciler(service),
            Oracle::Nobody => run,
        };
        let ended = machine.boot(crash, configure, |p| program.build(&p), 1).await;
        let Ended::Returned(result, _) = ended else { continue };
        match result {
            Err(AgentError::Suspended { signals }) => {
                let run = machine.run().open().await.unwrap();
                for signal in signals.iter() {
                    run.deliver(signal, &(signal.as_str().len() as u64)).await.unwrap();
                }
            }
            Err(error) if error.class() == Class::Transient => {}
            settled => return recorded(settled),
        }
    }
    panic!("the host resumed forty times, and the run has not ended");
}

/// That no step with a strong effect had it twice, whatever happened.
fn check_once(machine: &Machine) {
    for record in machine.records() {
        if let Fact::Intent { effect, .. } = record.fact
            && !effect.may_repeat()
        {
            let times = machine.world().executions(record.key.as_str());
            assert!(times <= 1, "{} is {effect} and happened {times} times", record.key);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn generated_programs() {
    let (crashed, parked) = programs(PROGRAMS).await;
    assert!(crashed > 1000 && parked > 0, "the programs reach what they are for");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_few_generated_programs() {
    programs(8).await;
}

async fn programs(seeds: u64) -> (usize, usize) {
    let (mut crashed, mut parked, mut failed) = (0, 0, 0);
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let program = Program::generate(&mut random, DEPTH);
        for oracle in [Oracle::Service, Oracle::Nobody] {
            let uncrashed = new_machine(seed);
            let expected = host(&uncrashed, &program, oracle, &[]).await;
            check(&uncrashed);
            for place in 0..uncrashed.records().len() {
                for moment in Moment::ALL {
                    let machine = new_machine(seed);
                    // The next process dies too, soon after; and the one after that.
                    let again = Crash::at(random.index(4), Moment::ALL[random.index(3)]);
                    let deaths = [Crash::at(place, moment), again.clone(), again];
                    let got = host(&machine, &program, oracle, &deaths).await;
                    let place =
                        format!("seed {seed}, {oracle:?}, record {place}, {moment:?}: {program:?}");
                    assert_eq!(machine.check(), Ok(()), "{place}");
                    check_once(&machine);
                    crashed += 1;
                    match &got {
                        Err(RecordedError { class: Class::Parked, .. })
                            if oracle == Oracle::Nobody =>
                        {
                            parked += 1;
                        }
                        Err(error) if program.failures() > 1 => {
                            assert_eq!(error.class, Class::Permanent, "{place}");
                            failed += 1;
                        }
                        got => assert_eq!(*got, expected, "{place}"),
                    }
                }
            }
        }
    }
    println!("{crashed} crashed runs: {parked} parked, {failed} with one of several failures");
    (crashed, parked)
}
