//! Random programs of everything that takes a key, and what they come by when they run.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use maniple_core::{AgentError, ChildKey, Effect, Key, Run, RunContext};
use proptest::prelude::*;

use crate::common::hostile_name;

/// A piece of a program. Each place has a number of its own, so that it can be told from all others.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Step(usize, String),
    Signal(usize, String),
    Decide(usize, String),
    Child(String, Vec<Op>),
    ChildAt(ChildKey, Vec<Op>),
    /// The same place with another extension.
    Narrow(Vec<Op>),
    /// A child that fails so often before it succeeds.
    Attempts(String, u32, Vec<Op>),
}

pub(crate) fn program() -> impl Strategy<Value = Vec<Op>> {
    let leaf = prop_oneof![
        3 => hostile_name().prop_map(|name| Op::Step(0, name)),
        1 => hostile_name().prop_map(|name| Op::Signal(0, name)),
        2 => hostile_name().prop_map(|name| Op::Decide(0, name)),
    ];
    let op = leaf.prop_recursive(4, 40, 5, |op| {
        let ops = || prop::collection::vec(op.clone(), 0..5);
        prop_oneof![
            (hostile_name(), ops()).prop_map(|(name, ops)| Op::Child(name, ops)),
            (child_key(), ops()).prop_map(|(key, ops)| Op::ChildAt(key, ops)),
            ops().prop_map(Op::Narrow),
            (hostile_name(), 0..3_u32, ops())
                .prop_map(|(name, failures, ops)| Op::Attempts(name, failures, ops)),
        ]
    });
    prop::collection::vec(op, 0..8).prop_map(|mut ops| {
        let mut places = 0;
        number(&mut ops, &mut places, &mut Vec::new());
        ops
    })
}

fn child_key() -> impl Strategy<Value = ChildKey> {
    prop_oneof![
        any::<u64>().prop_map(ChildKey::from),
        (0..3_u64).prop_map(ChildKey::from),
        hostile_name().prop_map(ChildKey::from),
    ]
}

/// Numbers the places, and makes the keys of one context's keyed children distinct, which is the
/// caller's duty.
fn number(ops: &mut Vec<Op>, places: &mut usize, keys: &mut Vec<ChildKey>) {
    ops.retain(|op| match op {
        Op::ChildAt(key, _) => {
            let fresh = !keys.contains(key);
            keys.push(key.clone());
            fresh
        }
        _ => true,
    });
    for op in ops {
        match op {
            Op::Step(place, _) | Op::Signal(place, _) | Op::Decide(place, _) => {
                *place = *places;
                *places += 1;
            }
            Op::Child(_, ops) | Op::ChildAt(_, ops) | Op::Attempts(_, _, ops) => {
                number(ops, places, &mut Vec::new());
            }
            Op::Narrow(ops) => number(ops, places, keys),
        }
    }
}

/// What a program came by: each place, in each attempt around it, with its key where the run tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    /// The key of each step and signal; all attempts at one place share it.
    pub(crate) keys: Arc<Mutex<BTreeMap<usize, Key>>>,
    /// How many decisions were made.
    pub(crate) decisions: Arc<Mutex<usize>>,
}

impl Trace {
    /// Notes the key of a place, which must be the one that it had before.
    fn note(&self, place: usize, key: &Key) -> Result<(), AgentError> {
        let mut keys = self.keys.lock().expect("nothing panics while it is held");
        let known = keys.entry(place).or_insert_with(|| key.clone());
        if known == key {
            return Ok(());
        }
        Err(AgentError::permanent(format!("place {place} has the keys {known} and {key}")))
    }
}

/// Runs a program. Every place answers with its own number, so an answer that is another one's shows
/// that two places share a key.
pub(crate) fn interpret<'a>(
    run: &'a Run,
    cx: &'a RunContext,
    ops: &'a [Op],
    attempts: &'a [u32],
    trace: &'a Trace,
) -> BoxFuture<'a, Result<(), AgentError>> {
    async move {
        for op in ops {
            match op {
                Op::Step(place, name) => {
                    let body = |place: usize, step: maniple_core::StepContext| async move {
                        Ok((place, step.key().clone()))
                    };
                    let (answer, key) = cx.step(name, Effect::Pure, *place, body).await?;
                    same(place, &answer)?;
                    trace.note(*place, &key)?;
                }
                Op::Signal(place, name) => signal(run, cx, *place, name, trace)?,
                Op::Decide(place, name) => {
                    let mine = (*place, attempts.to_vec());
                    let decided = cx.decide(name, || mine.clone()).await?;
                    same(&mine, &decided)?;
                    *trace.decisions.lock().expect("nothing panics while it is held") += 1;
                }
                Op::Child(name, ops) => {
                    interpret(run, &cx.child(name), ops, attempts, trace).await?;
                }
                Op::ChildAt(key, ops) => {
                    interpret(run, &cx.child_at(key.clone()), ops, attempts, trace).await?;
                }
                Op::Narrow(ops) => {
                    let narrow = cx.clone().with_extension(());
                    interpret(run, &narrow, ops, attempts, trace).await?;
                }
                Op::Attempts(name, failures, ops) => {
                    let max = NonZeroU32::MIN.saturating_add(*failures);
                    let mut attempt = 0;
                    let work = |cx: RunContext| {
                        attempt += 1;
                        let around = [attempts, &[attempt]].concat();
                        async move {
                            interpret(run, &cx, ops, &around, trace).await?;
                            if around.last() == Some(&max.get()) {
                                return Ok(());
                            }
                            Err(AgentError::transient("not yet"))
                        }
                    };
                    cx.attempts(name, max, work).await?;
                }
            }
        }
        Ok(())
    }
    .boxed()
}

/// Asks for a signal. One that was not delivered is let go again, since it would end the branch.
fn signal(
    run: &Run,
    cx: &RunContext,
    place: usize,
    name: &str,
    trace: &Trace,
) -> Result<(), AgentError> {
    let before = run.awaited_signals();
    let asked = cx.signal::<usize>(name).now_or_never();
    if let Some(answer) = asked {
        return same(&place, &answer?);
    }
    let fresh: Vec<_> =
        run.awaited_signals().into_iter().filter(|key| !before.contains(key)).collect();
    match fresh.as_slice() {
        [key] => trace.note(place, key),
        // An earlier attempt has asked for it, or another place has.
        [] if trace.keys.lock().expect("nothing panics while it is held").contains_key(&place) => {
            Ok(())
        }
        _ => Err(AgentError::permanent(format!("{place} asks for a signal of another place"))),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(mine: &T, answer: &T) -> Result<(), AgentError> {
    if mine == answer {
        return Ok(());
    }
    Err(AgentError::permanent(format!("{mine:?} was answered with what is of {answer:?}")))
}
