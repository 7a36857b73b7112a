//! Generated sagas, and what is known of their steps.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use maniple_core::policy::RetryPolicy;
use maniple_core::{AgentError, Class, Effect, RunContext, StepContext, agent_fn};
use maniple_orchestration::{Given, Handle, Saga, StepBuilder, Undo, Undoable};
use proptest::prelude::*;
use tokio::time::sleep;

use crate::world::*;

/// A saga that is yet to be built.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) concurrency: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The places of earlier nodes.
    pub(crate) after: Vec<usize>,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Step(Spec),
    Saga(Vec<Node>),
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) is_agent: bool,
    pub(crate) effect: Effect,
    pub(crate) reversal: Reversal,
    pub(crate) end: End,
    pub(crate) undo: Undoing,
    pub(crate) millis: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reversal {
    By,
    Nothing,
    Never,
}

/// How an action ends. What leaves doubt does so the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    FailsForGood,
    /// The first time, and is not tried again.
    FailsForNow,
    /// So often, and is tried up to three times.
    Retried(usize),
    PanicsBefore,
    PanicsAfter,
    LostBefore,
    LostAfter,
    /// Before it happens.
    Sleeps,
    /// After it has happened, and does not listen.
    Lingers,
    /// For a signal: an agent does.
    Waits,
}

/// How an undo ends, the first time or so often; then it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undoing {
    Done,
    FailsForNow(usize),
    FailsForGood,
    Panics,
    Sleeps,
    /// It says that it was cancelled, which nobody has done.
    Cancels,
}

/// How often an undo is tried before the saga is parked.
pub(crate) const TRIES: usize = 3;
/// How long an undo may work.
const WITHIN: Duration = Duration::from_secs(60);

/// A step of a program, by itself.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) spec: Spec,
    /// All that it comes after, directly or not.
    pub(crate) above: BTreeSet<String>,
}

impl Program {
    pub(crate) fn build(&self, world: &World) -> Saga<u64, u64> {
        saga("saga", "", &self.nodes, self.concurrency, world)
    }

    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        flatten("", &self.nodes, &BTreeSet::new(), &mut leaves);
        leaves
    }
}

/// Of all nodes, their own names and those of all that they come after.
fn flatten(prefix: &str, nodes: &[Node], above: &BTreeSet<String>, leaves: &mut Vec<Leaf>) {
    let mut known: Vec<BTreeSet<String>> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let name = format!("{prefix}s{at}");
        let mut above = above.clone();
        above.extend(node.after.iter().flat_map(|after| known[*after].clone()));
        let mut all = above.clone();
        match &node.what {
            What::Step(spec) => {
                all.insert(name.clone());
                leaves.push(Leaf { name, spec: *spec, above });
            }
            What::Saga(inner) => {
                let before = leaves.len();
                flatten(&format!("{name}/"), inner, &above, leaves);
                all.extend(leaves[before..].iter().map(|leaf| leaf.name.clone()));
            }
        }
        known.push(all);
    }
}

fn saga(
    name: &str,
    prefix: &str,
    nodes: &[Node],
    concurrency: usize,
    world: &World,
) -> Saga<u64, u64> {
    let mut saga = Saga::builder(name);
    saga.with_undo_retry(RetryPolicy::new(NonZeroU32::new(3).unwrap()));
    saga.with_undo_within(WITHIN).with_concurrency(concurrency);
    let mut handles: Vec<Handle<u64>> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let name = format!("{prefix}s{at}");
        let step = saga.step(format!("s{at}")).first();
        let step = node.after.iter().fold(step, |step, after| step.after(handles[*after]));
        let given = node.after.first().map(|after| handles[*after]);
        let handle = match (&node.what, given) {
            (What::Step(spec), None) => add(step, &name, *spec, world),
            (What::Step(spec), Some(given)) => add(step.given(given), &name, *spec, world),
            (What::Saga(inner), _) => {
                let inner = self::saga("inner", &format!("{name}/"), inner, 1, world);
                step.saga(inner, |input, ()| input)
            }
        };
        handles.push(handle);
    }
    let output = handles.last().copied();
    saga.build(output.unwrap()).unwrap()
}

/// What a step makes.
pub(crate) fn output(name: &str) -> u64 {
    name.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

fn add<G: Given>(
    step: StepBuilder<'_, u64, G>,
    name: &str,
    spec: Spec,
    world: &World,
) -> Handle<u64> {
    let (name, world) = (name.to_owned(), world.clone());
    let (n, w) = (name.clone(), world.clone());
    let body = move |_: u64, _: G::Values, step: StepContext| {
        let (name, world) = (n.clone(), w.clone());
        async move { act(&world, &name, spec, &step).await }
    };
    let undoable = if spec.is_agent {
        let (n, w) = (name.clone(), world.clone());
        let agent = agent_fn("agent", move |input: u64, cx: RunContext| {
            let (name, world) = (n.clone(), w.clone());
            async move {
                if spec.end == End::Waits {
                    cx.signal::<u64>("go").await?;
                }
                let body =
                    |_, step: StepContext| async move { act(&world, &name, spec, &step).await };
                cx.step("inner", spec.effect, input, body).await
            }
        });
        step.agent(spec.effect, agent, |input, _| input)
    } else if let End::Retried(_) = spec.end {
        step.run_with_retry(spec.effect, RetryPolicy::new(NonZeroU32::new(3).unwrap()), body)
    } else {
        step.run(spec.effect, body)
    };
    reverse(undoable, name, spec, world)
}

fn reverse<G: Given>(
    step: Undoable<'_, u64, G, u64>,
    name: String,
    spec: Spec,
    world: World,
) -> Handle<u64> {
    match spec.reversal {
        Reversal::Nothing => step.nothing_to_undo(),
        Reversal::Never => step.cannot_undo(),
        Reversal::By => step.undo(move |undo: Undo<u64, G::Values, u64>, step| {
            let (name, world) = (name.clone(), world.clone());
            async move {
                world.meet(&step);
                take_back(&world, &name, spec, undo.input, undo.output).await
            }
        }),
    }
}

async fn act(world: &World, name: &str, spec: Spec, step: &StepContext) -> Result<u64, AgentError> {
    world.meet(step);
    if step.is_cancelled() {
        world.violate(format!("{name} begins when it is to stop"));
    }
    let (_going, tries) = world.begin(name, Event::Begins);
    sleep(Duration::from_millis(spec.millis)).await;
    let refuse = |error| {
        world.note(name, Event::Refuses);
        Err(error)
    };
    let lost = || Err(AgentError::new(Class::Indeterminate, "the answer was lost"));
    match spec.end {
        End::FailsForGood => return refuse(AgentError::permanent("no")),
        End::FailsForNow if tries == 1 => return refuse(AgentError::transient("not now")),
        End::Retried(times) if tries <= times => return refuse(AgentError::transient("not now")),
        // As a panic that no hook hears of.
        End::PanicsBefore if tries == 1 => std::panic::resume_unwind(Box::new("before")),
        End::LostBefore if tries == 1 => return lost(),
        End::Sleeps => sleep(Duration::from_secs(1000)).await,
        _ => {}
    }
    if spec.effect != Effect::Pure {
        world.act(name);
    }
    match spec.end {
        End::PanicsAfter if tries == 1 => std::panic::resume_unwind(Box::new("after")),
        End::LostAfter if tries == 1 => return lost(),
        End::Lingers => sleep(Duration::from_secs(3)).await,
        _ => {}
    }
    world.note(name, Event::Answers);
    Ok(output(name))
}

async fn take_back(
    world: &World,
    name: &str,
    spec: Spec,
    input: u64,
    made: Option<u64>,
) -> Result<(), AgentError> {
    let (_going, tries) = world.begin(name, Event::BeginsUndo);
    if input != 1 || made.is_some_and(|made| made != output(name)) {
        world.violate(format!("the undo of {name} was given {input} and {made:?}"));
    }
    sleep(Duration::from_millis(1)).await;
    match spec.undo {
        Undoing::FailsForNow(times) if tries <= times => {
            return Err(AgentError::transient("later"));
        }
        Undoing::FailsForGood if tries == 1 => return Err(AgentError::permanent("stuck")),
        Undoing::Panics if tries == 1 => std::panic::resume_unwind(Box::new("undo")),
        Undoing::Cancels if tries == 1 => {
            return Err(AgentError::new(Class::Cancelled, "who asked?"));
        }
        Undoing::Sleeps if tries == 1 => sleep(WITHIN * 2).await,
        _ => {}
    }
    world.undo(name);
    Ok(())
}

/// How often something goes wrong in a generated program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    Some,
}

fn spec(faults: Faults) -> impl Strategy<Value = Spec> {
    let end = prop_oneof![
        24 => Just(End::Done),
        1 => Just(End::Lingers),
        1 => Just(End::FailsForGood),
        1 => Just(End::FailsForNow),
        1 => (1..4_usize).prop_map(End::Retried),
        1 => Just(End::PanicsBefore),
        1 => Just(End::PanicsAfter),
        1 => Just(End::LostBefore),
        1 => Just(End::LostAfter),
        1 => Just(End::Sleeps),
        1 => Just(End::Waits),
    ];
    let undo = prop_oneof![
        12 => Just(Undoing::Done),
        1 => (1..4_usize).prop_map(Undoing::FailsForNow),
        1 => Just(Undoing::FailsForGood),
        1 => Just(Undoing::Panics),
        1 => Just(Undoing::Sleeps),
        1 => Just(Undoing::Cancels),
    ];
    let effect = prop_oneof![
        1 => Just(Effect::Pure),
        1 => Just(Effect::Idempotent),
        4 => Just(Effect::Reversible),
        1 => Just(Effect::Irreversible),
    ];
    let reversal = prop_oneof![
        12 => Just(Reversal::By),
        2 => Just(Reversal::Nothing),
        1 => Just(Reversal::Never),
    ];
    (any::<bool>(), effect, reversal, end, undo, 0..6_u64).prop_map(
        move |(is_agent, effect, reversal, end, undo, millis)| {
            let reversal = if effect == Effect::Reversible { Reversal::By } else { reversal };
            let end = if faults == Faults::None { End::Done } else { end };
            let is_agent = match end {
                End::Waits => true,
                End::Retried(_) => false,
                _ => is_agent,
            };
            Spec { is_agent, effect, reversal, end, undo, millis }
        },
    )
}

fn nodes(most: usize, what: BoxedStrategy<What>) -> impl Strategy<Value = Vec<Node>> {
    let node = (what, prop::collection::vec(any::<prop::sample::Index>(), 0..3));
    prop::collection::vec(node, 1..=most).prop_map(|nodes| {
        let nodes = nodes.into_iter().enumerate();
        nodes
            .map(|(at, (what, after))| {
                let after = after.into_iter().filter(|_| at > 0).map(|after| after.index(at));
                let after: BTreeSet<usize> = after.collect();
                Node { after: after.into_iter().collect(), what }
            })
            .collect()
    })
}

/// Programs of so many nodes at most, some of which are sagas of a few steps.
pub(crate) fn programs(most: usize, faults: Faults) -> impl Strategy<Value = Program> {
    let step = spec(faults).prop_map(What::Step).boxed();
    let what = prop_oneof![
        8 => step.clone(),
        1 => nodes(3, step).prop_map(What::Saga),
    ];
    let concurrency = prop_oneof![1..4_usize, Just(usize::MAX)];
    (nodes(most, what.boxed()), concurrency)
        .prop_map(|(nodes, concurrency)| Program { nodes, concurrency })
}
