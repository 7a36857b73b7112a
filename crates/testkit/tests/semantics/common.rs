//! What the rows share.

use std::cell::Cell;

use maniple_core::{
    AgentError, BaseAgent, Class, Effect, Fact, Record, RecordedError, Rule, RunContext,
    StepOptions, agent_fn,
};
use maniple_orchestration::MapReduce;
use maniple_testkit::{Crash, Ended, Machine, Moment, Process, Random};

/// How many interleavings each cell is shown under.
pub(crate) const SEEDS: u64 = 12;

pub(crate) const EFFECTS: [Effect; 4] =
    [Effect::Pure, Effect::Idempotent, Effect::Reversible, Effect::Irreversible];

/// The effects whose step writes an intent even where it reserves nothing.
pub(crate) const JOURNALED: [Effect; 3] =
    [Effect::Idempotent, Effect::Reversible, Effect::Irreversible];

thread_local! {
    static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
}

/// From here on, this thread's machines break a rule.
pub(crate) fn break_rule(rule: Rule) {
    BROKEN.set(Some(rule));
}

/// A machine that keeps every rule, or breaks the one that its thread was told to.
pub(crate) fn new_machine(seed: u64) -> Machine {
    Machine::new(seed).breaking(BROKEN.get())
}

/// Runs a step whose effect the world sees, and which makes `n + 1` of `n`.
pub(crate) async fn add_one(
    cx: &RunContext,
    process: &Process,
    name: &str,
    options: impl Into<StepOptions>,
    n: u64,
) -> Result<u64, AgentError> {
    let process = process.clone();
    cx.step(
        name,
        options,
        n,
        move |n, step| async move { process.perform(&step, || Ok(n + 1)).await },
    )
    .await
}

/// An agent of two steps, `first` and `second`, that adds two. `first` has the effect given.
pub(crate) fn two_steps(
    process: Process,
    effect: Effect,
) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    agent_fn("two", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let n = add_one(&cx, &process, "first", effect, n).await?;
            process.returned(&format!("{}/first", cx.path().as_str()));
            add_one(&cx, &process, "second", Effect::Pure, n).await
        }
    })
}

/// That agent over three inputs at a time.
pub(crate) fn in_parallel(
    process: Process,
    effect: Effect,
) -> impl BaseAgent<Input = Vec<u64>, Output = Vec<u64>> + use<> {
    MapReduce::collect("map", two_steps(process, effect)).with_concurrency(3).durable()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Intent,
    Receipt,
    Entered,
    Awaited,
    Delivered,
    Decided,
}

pub(crate) fn is(record: &Record, key: &str, kind: Kind) -> bool {
    let same = match &record.fact {
        Fact::Intent { .. } => kind == Kind::Intent,
        Fact::Receipt { .. } => kind == Kind::Receipt,
        Fact::Entered { .. } => kind == Kind::Entered,
        Fact::Awaited => kind == Kind::Awaited,
        Fact::Delivered { .. } => kind == Kind::Delivered,
        Fact::Decided { .. } => kind == Kind::Decided,
        _ => false,
    };
    same && record.key.as_str() == key
}

pub(crate) fn count(machine: &Machine, key: &str, kind: Kind) -> usize {
    machine.records().iter().filter(|record| is(record, key, kind)).count()
}

/// Dies when this record is about to be written; it is not durable.
pub(crate) fn before(key: &'static str, kind: Kind) -> Crash {
    Crash::when(move |_, record| is(record, key, kind).then_some(Moment::Before))
}

/// Dies when this record has become durable, before anybody knows.
pub(crate) fn after(key: &'static str, kind: Kind) -> Crash {
    Crash::when(move |_, record| is(record, key, kind).then_some(Moment::Unacknowledged))
}

/// Loses this record and everything behind it, and dies when nothing moves any more.
pub(crate) fn losing(key: &'static str, kind: Kind) -> Crash {
    Crash::when(move |_, record| is(record, key, kind).then_some(Moment::Lost))
}

/// Boots without a crash.
pub(crate) async fn boot<A: BaseAgent>(
    machine: &Machine,
    build: impl FnOnce(Process) -> A,
    input: A::Input,
) -> Result<A::Output, AgentError> {
    machine.boot(Crash::never(), |run| run, build, input).await.result()
}

/// Boots a process that must die.
pub(crate) async fn crash<A: BaseAgent>(
    machine: &Machine,
    crash: Crash,
    build: impl FnOnce(Process) -> A,
    input: A::Input,
) where
    A::Output: std::fmt::Debug,
{
    let ended = machine.boot(crash, |run| run, build, input).await;
    assert!(matches!(ended, Ended::Crashed), "the process was to die, but {ended:?}");
}

pub(crate) fn class<O>(result: &Result<O, AgentError>) -> Option<Class> {
    result.as_ref().err().map(AgentError::class)
}

pub(crate) fn recorded<O>(result: Result<O, AgentError>) -> Result<O, RecordedError> {
    result.map_err(|error| error.recorded())
}

/// Fails with what the machine noticed.
pub(crate) fn check(machine: &Machine) {
    machine.check().expect("the world saw something forbidden");
}

/// A number that depends on the seed.
pub(crate) fn pick(seed: u64, below: u64) -> u64 {
    Random::new(seed).below(below)
}
