//! No calls for a while to what fails too often.

mod machine;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use machine::{Ended, Limits, Machine, Pass};

use crate::agent::BaseAgent;
use crate::contain::contain;
use crate::context::RunContext;
use crate::error::{AgentError, Class, Classify};
use crate::event::EventKind;

/// A circuit breaker, shared by all agents that call the same service: clones are the same breaker.
///
/// It counts the failures among the last calls. Once there are too many it is *open*: calls fail at
/// once, as [`Rejected`], which is transient. After a while it is *half open* and lets a few calls
/// through: when all of them succeed it is *closed* again, and with the first that fails it is open
/// once more.
///
/// | state | a call comes | a call succeeds | a call fails | a call says nothing |
/// | --- | --- | --- | --- | --- |
/// | closed | let through | counted | counted; open, once there are too many | not counted |
/// | open, before its time | rejected | – | – | – |
/// | open, after its time | half open, and let through | – | – | – |
/// | half open | let through, while there are fewer than the probes; else rejected | counted; closed, once all probes did | open | another may come |
///
/// A call fails where its class is `Transient`, `Indeterminate`, `Panicked` or, unless the context's
/// own deadline has passed, `DeadlineExceeded`. It succeeds with an output, and with a `Permanent`
/// failure: that is an answer of the service. The others, and a call that is dropped, say nothing of
/// the service. Neither do calls that were let through before the state has last changed.
///
/// It belongs to its process: what it knows is not journaled. By default it looks at the last 20
/// calls, opens at 10 failures, stays open for 30 seconds, and lets 3 probes through. The pattern is
/// that of M. Nygard, *Release It!*, 2007.
///
/// ```
/// use std::time::Duration;
/// use maniple_core::{AgentExt, agent_fn, policy::Breaker};
///
/// let payments = Breaker::new("payments").with_window(50, 25).with_open_for(Duration::from_secs(60));
/// let charge = agent_fn("charge", |cents: u64, _cx| async move { Ok(cents) })
///     .with_breaker(&payments);
/// ```
#[derive(Debug, Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    limits: Limits,
    made: Instant,
    machine: Mutex<Machine>,
}

/// What a [`Breaker`] does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It lets them through.
    Closed,
    /// It rejects them, until its time is over.
    Open,
    /// It lets a few through, to see.
    HalfOpen,
}

impl BreakerState {
    /// As it is written in JSON: `closed`, `open` or `half_open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A call that a [`Breaker`] did not let through. It is [transient](Class::Transient): nothing
/// happened, and it may be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the breaker {breaker} is open: try again in {retry_after:?}")]
#[non_exhaustive]
pub struct Rejected {
    /// The breaker's name.
    pub breaker: Arc<str>,
    /// How long it stays open; zero where calls in flight decide that.
    pub retry_after: Duration,
}

impl Classify for Rejected {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(self.retry_after)
    }
}

impl Breaker {
    /// A closed breaker. The name is for people: it stands in errors and events.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let limits =
            Limits { window: 20, failures: 10, open_for: Duration::from_secs(30), probes: 3 };
        Self::with_limits(name.into(), limits)
    }

    /// Opens at so many failures among the last so many calls. 0 counts as 1, and more failures than
    /// calls as all of them.
    pub fn with_window(self, calls: usize, failures: usize) -> Self {
        let window = calls.max(1);
        self.change(|limits| Limits { window, failures: failures.clamp(1, window), ..limits })
    }

    /// How long it stays open before it lets probes through.
    pub fn with_open_for(self, open_for: Duration) -> Self {
        self.change(|limits| Limits { open_for, ..limits })
    }

    /// How many calls it lets through when it is half open, all of which have to succeed; 0 counts
    /// as 1.
    pub fn with_probes(self, probes: usize) -> Self {
        self.change(|limits| Limits { probes: probes.max(1), ..limits })
    }

    /// What it does with calls now. One that is open stays so until a call comes after its time.
    pub fn state(&self) -> BreakerState {
        self.shared.machine().state()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A breaker like this one, with other limits and nothing counted.
    fn change(self, change: impl FnOnce(Limits) -> Limits) -> Self {
        Self::with_limits(self.shared.name.clone(), change(self.shared.limits))
    }

    fn with_limits(name: Arc<str>, limits: Limits) -> Self {
        let machine = Mutex::new(Machine::new(limits));
        Self { shared: Arc::new(Shared { name, limits, made: Instant::now(), machine }) }
    }

    fn call<'a>(&'a self, cx: &'a RunContext) -> Result<Call<'a>, Rejected> {
        let shared = &*self.shared;
        let passed = shared.change(cx, Machine::call);
        let rejected = |retry_after| Rejected { breaker: shared.name.clone(), retry_after };
        Ok(Call { shared, cx, pass: passed.map_err(rejected)?, ended: Ended::Neither })
    }
}

impl From<&Self> for Breaker {
    fn from(shared: &Self) -> Self {
        shared.clone()
    }
}

impl Shared {
    /// No lock is held while anything but the machine runs.
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, cx: &RunContext, change: impl FnOnce(&mut Machine, Duration) -> T) -> T {
        let now = self.made.elapsed();
        let mut machine = self.machine();
        let before = machine.state();
        let changed = change(&mut machine, now);
        let state = machine.state();
        drop(machine);
        if state != before {
            cx.emit(|| EventKind::BreakerChanged { breaker: self.name.clone(), state });
        }
        changed
    }
}

/// A call that was let through, and is taken note of when it ends, however it does.
struct Call<'a> {
    shared: &'a Shared,
    cx: &'a RunContext,
    pass: Pass,
    ended: Ended,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.shared.change(self.cx, |machine, now| machine.end(self.pass, self.ended, now));
    }
}

/// An agent behind a [`Breaker`]; made by [`AgentExt::with_breaker`](crate::AgentExt::with_breaker).
#[derive(Clone)]
pub struct WithBreaker<A> {
    agent: A,
    breaker: Breaker,
}

impl<A> WithBreaker<A> {
    pub(crate) fn new(agent: A, breaker: Breaker) -> Self {
        Self { agent, breaker }
    }
}

impl<A: BaseAgent> fmt::Debug for WithBreaker<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.agent.name();
        f.debug_struct("WithBreaker").field("agent", &name).field("breaker", &self.breaker).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: BaseAgent> BaseAgent for WithBreaker<A> {
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let mut call = self.breaker.call(cx)?;
        let result = contain(|| cx.path(), self.agent.run(input, cx)).await;
        call.ended = ended(&result, cx);
        result
    }
}

fn ended<T>(result: &Result<T, AgentError>, cx: &RunContext) -> Ended {
    let Err(error) = result else { return Ended::Well };
    match error.class() {
        Class::Permanent => Ended::Well,
        Class::Transient | Class::Indeterminate | Class::Panicked => Ended::Badly,
        Class::DeadlineExceeded if cx.check().is_ok() => Ended::Badly,
        _ => Ended::Neither,
    }
}
