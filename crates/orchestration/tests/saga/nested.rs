//! Sagas in patterns and patterns in sagas, with a process that dies at every record.

use std::sync::Arc;
use std::time::Duration;

use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Delivery, Effect, RunContext, agent_fn,
};
use maniple_orchestration::{Decision, ForkJoin, MapReduce, Pipeline, Saga, ScatterGather};
use tokio::time::sleep;

use crate::host::*;
use crate::world::*;

/// One effect in the world.
async fn act(cx: &RunContext, world: &World, name: String) -> Result<u64, AgentError> {
    let world = world.clone();
    cx.step("act", Effect::Idempotent, (), |(), step| async move {
        world.meet(&step);
        sleep(Duration::from_millis(1)).await;
        world.act(&name);
        Ok(1)
    })
    .await
}

/// A step of a saga that can be taken back.
fn step(
    saga: &mut maniple_orchestration::SagaBuilder<u64>,
    world: &World,
    name: &str,
    fails: bool,
) {
    let (w, n) = (world.clone(), name.to_owned());
    let (w2, n2) = (world.clone(), name.to_owned());
    saga.step(name)
        .run(Effect::Idempotent, move |_, (), step| {
            let (world, name) = (w.clone(), n.clone());
            async move {
                world.meet(&step);
                sleep(Duration::from_millis(2)).await;
                if fails {
                    return Err(AgentError::permanent("no"));
                }
                world.act(&name);
                Ok(1_u64)
            }
        })
        .undo(move |_, step| {
            let (world, name) = (w2.clone(), n2.clone());
            async move {
                world.meet(&step);
                world.undo(&name);
                Ok(())
            }
        });
}

fn steps(world: &World, name: &str, fails: bool) -> Saga<u64, u64> {
    let mut saga = Saga::builder(name);
    step(&mut saga, world, &format!("{name}-a"), false);
    step(&mut saga, world, &format!("{name}-b"), false);
    step(&mut saga, world, &format!("{name}-c"), fails);
    step(&mut saga, world, &format!("{name}-d"), false);
    let made = saga.step("sum").run(Effect::Pure, |input, (), _| async move { Ok(input + 1) });
    let made = made.nothing_to_undo();
    saga.build(made).unwrap()
}

/// A saga, one step of which maps over items, each in a pipeline.
fn of_patterns(world: &World, fails: bool) -> BoxAgent<u64, u64> {
    let stage = |stage: &'static str| {
        let world = world.clone();
        agent_fn(stage, move |item: u64, cx| {
            let world = world.clone();
            async move { Ok(item + act(&cx, &world, format!("map-{stage}-{item}")).await?) }
        })
    };
    let each = Pipeline::new("each", stage("first")).then(stage("second")).durable();
    let map = MapReduce::collect("map", each).with_concurrency(2).durable();
    let mut saga = Saga::builder("saga");
    step(&mut saga, world, "before", false);
    let undoing = world.clone();
    let mapped = saga
        .step("map")
        .agent(Effect::Idempotent, map, |input: u64, ()| vec![input, 10 * input, 100 * input])
        .undo(move |undo, _| {
            let world = undoing.clone();
            async move {
                assert!(undo.output.is_none_or(|made| made.len() == 3));
                for name in world.standing().iter().filter(|name| name.starts_with("map-")) {
                    world.undo(name);
                }
                Ok(())
            }
        });
    step(&mut saga, world, "after", fails);
    saga.build(mapped).unwrap().map(|made| made.iter().sum()).boxed()
}

/// Two sagas beside each other; the first fails or not.
fn beside(world: &World, fails: bool) -> BoxAgent<u64, u64> {
    let pair = (steps(world, "left", fails), steps(world, "right", false));
    let agent = Arc::new(ForkJoin::new("beside", pair).durable());
    agent_fn("sum", move |input: u64, cx| {
        let agent = agent.clone();
        async move { agent.run(input, &cx.child("beside")).await.map(|(left, right)| left + right) }
    })
    .boxed()
}

/// A saga between other stages.
fn between(world: &World, fails: bool) -> BoxAgent<u64, u64> {
    let stage = |stage: &'static str| {
        let world = world.clone();
        agent_fn(stage, move |item: u64, cx| {
            let world = world.clone();
            async move { Ok(item + act(&cx, &world, stage.to_owned()).await?) }
        })
    };
    let pipeline = Pipeline::new("between", stage("first")).then(steps(world, "saga", fails));
    pipeline.then(stage("last")).durable().boxed()
}

const RIGHT: [&str; 4] = ["right-a", "right-b", "right-c", "right-d"];

/// What may be left of a saga that was taken back: what stands beside it.
fn left(world: &World) -> Vec<String> {
    let kept = ["first", "last"];
    let mut standing = world.standing();
    standing.retain(|name| !kept.contains(&name.as_str()));
    if standing == RIGHT {
        // It has committed before it was stopped.
        standing.clear();
    }
    standing
}

fn crash_everywhere(build: fn(&World, bool) -> BoxAgent<u64, u64>, fails: bool) {
    let run = |host: &Host, crash| host.boot(build(&host.world, fails), 1, crash);
    let whole = Host::new(Oracle::Parks);
    let Ended::Returned(expected) = run(&whole, None) else { panic!("it does not die") };
    assert_eq!(expected.is_err(), fails, "{expected:?}");
    assert!(!fails || (left(&whole.world).is_empty() && !whole.world.log().is_empty()));
    let records = whole.journal.records().len();
    for place in 0..records {
        for moment in Moment::ALL {
            let host = Host::new(Oracle::Parks);
            let mut crash = Some((place, moment));
            let ended = loop {
                match run(&host, crash.take()) {
                    Ended::Returned(ended) => break ended,
                    Ended::Crashed => {}
                }
            };
            let at = format!("{place} of {records}, {moment:?}");
            assert_eq!(host.world.violations(), [""; 0], "{at}");
            let recorded = |ended: &Result<u64, AgentError>| {
                ended.as_ref().copied().map_err(AgentError::class)
            };
            assert_eq!(recorded(&ended), recorded(&expected), "{at}");
            if fails {
                assert_eq!(left(&host.world), [""; 0], "{at}");
            } else {
                assert_eq!(host.world.standing(), whole.world.standing(), "{at}");
            }
        }
    }
}

#[test]
fn a_saga_of_patterns_is_killed() {
    for fails in [false, true] {
        crash_everywhere(of_patterns, fails);
    }
}

#[test]
fn sagas_beside_each_other_are_killed() {
    crash_everywhere(beside, false);
}

/// The one beside it is stopped, and taken back too: or it has committed before.
#[test]
fn sagas_beside_one_that_fails_are_killed() {
    crash_everywhere(beside, true);
}

#[test]
fn a_saga_between_stages_is_killed() {
    for fails in [false, true] {
        crash_everywhere(between, fails);
    }
}

/// What an operator is asked stays asked where the pattern around the saga has failed with something
/// else, and the saga ends when it is answered.
#[test]
fn a_parked_saga_is_not_lost_with_a_pattern_that_fails() {
    let host = Host::new(Oracle::Parks);
    let build = || {
        let mut saga = Saga::builder("saga");
        step(&mut saga, &host.world, "a", false);
        saga.step("b").run(Effect::Irreversible, |_, (), _| async { Ok(1_u64) }).cannot_undo();
        step(&mut saga, &host.world, "c", true);
        let saga = saga.build(()).unwrap();
        let fails = agent_fn("fails", |_: u64, _| async {
            sleep(Duration::from_secs(60)).await;
            Err::<u64, _>(AgentError::permanent("no"))
        });
        ForkJoin::new("beside", (saga, fails)).durable()
    };
    let Ended::Returned(Err(error)) = host.boot(build(), 1, None) else { panic!("it fails") };
    let key = maniple_core::Key::new("/beside[0]/undo[b]/operator!decision");
    assert!(matches!(&error, AgentError::Parked { step, .. } if *step == key), "{error}");
    let delivered = host.simulate(async |run| run.deliver(&key, &Decision::Skip).await.unwrap());
    assert_eq!(delivered, Delivery::Accepted);
    let Ended::Returned(Err(_)) = host.boot(build(), 1, None) else { panic!("it fails") };
    assert_eq!(host.world.standing(), [""; 0]);
}

/// Sagas that are asked for the same, of which the first to commit counts.
fn gathered(world: &World, limit: usize) -> BoxAgent<u64, u64> {
    let saga = |name: &'static str, millis: u64| {
        let mut saga = Saga::builder(name);
        for step in ["x", "y"] {
            let (acting, undoing) = (world.clone(), world.clone());
            let name = format!("{name} {step}");
            let (done, undone) = (name.clone(), name);
            saga.step(step)
                .run(Effect::Idempotent, move |_: u64, (), at| {
                    let (world, name) = (acting.clone(), done.clone());
                    async move {
                        world.meet(&at);
                        sleep(Duration::from_millis(millis)).await;
                        world.act(&name);
                        Ok(1_u64)
                    }
                })
                .undo(move |_, at| {
                    let (world, name) = (undoing.clone(), undone.clone());
                    async move {
                        world.meet(&at);
                        world.undo(&name);
                        Ok(())
                    }
                });
        }
        let last = saga.step("last").run(Effect::Pure, |n, (), _| async move { Ok(n) });
        let last = last.nothing_to_undo();
        saga.build(last).unwrap()
    };
    let sagas =
        [("fast", saga("fast", 3)), ("slow", saga("slow", 40)), ("tardy", saga("tardy", 90))];
    let first = ScatterGather::new("first", sagas).first(1).with_concurrency(limit).durable();
    first.map(|partial| partial.ok.into_values().sum()).boxed()
}

/// The losers are taken back, also where they were begun by a process that died, and the next one has
/// less room: it knows who has won before it comes by them.
#[test]
fn a_gather_of_sagas_is_killed() {
    let run = |host: &Host, limit, crash| host.boot(gathered(&host.world, limit), 1, crash);
    let whole = Host::new(Oracle::Parks);
    assert!(matches!(run(&whole, 3, None), Ended::Returned(Ok(1))));
    assert_eq!(whole.world.standing(), ["fast x", "fast y"]);
    for place in 0..whole.journal.records().len() {
        for (moment, limit) in Moment::ALL.into_iter().flat_map(|m| [(m, 1), (m, 3)]) {
            let host = Host::new(Oracle::Parks);
            let mut next = (3, Some((place, moment)));
            let ended = loop {
                match run(&host, next.0, next.1) {
                    Ended::Returned(ended) => break ended,
                    Ended::Crashed => next = (limit, None),
                }
            };
            ended.unwrap();
            let at = format!("{place}, {moment:?}, then {limit} at a time");
            assert_eq!(host.world.violations(), [""; 0], "{at}");
            assert_eq!(host.world.standing(), ["fast x", "fast y"], "{at}");
        }
    }
}
