//! An end to calling the same thing again and again.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::context::node::keyed;
use crate::error::{AgentError, Class, Classify};
use crate::identity::{Digest, Name, Sigil};
use crate::journal::{Fact, Outcome, Payload};
use crate::step::decode;

/// A decision of ours: no [`Name`](crate::Name) has this form.
static CALL: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%call"));

/// How often the same call may be made in a run, over all agents that share the guard: clones are the
/// same guard.
///
/// Calls are the same where their inputs are, as [`Digest`]s compare them. A call that is made again
/// in a later attempt, or on a resume, is the one that it was: it is not counted twice, and what was
/// said of it then is said again. The time is the working time of the run.
///
/// By default a call is made five times in ten minutes, and the sixth fails.
///
/// ```
/// use std::time::Duration;
/// use maniple_core::{AgentExt, agent_fn, policy::LoopGuard};
///
/// let search = agent_fn("search", |query: String, _cx| async move { Ok(query.len()) })
///     .with_loop_guard(LoopGuard::new(3, Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone)]
pub struct LoopGuard {
    calls: u32,
    within: Duration,
    /// Tells the guards of a run apart.
    id: Arc<u64>,
}

impl LoopGuard {
    /// At most so many same calls in any time as long as `within`; 0 counts as 1.
    pub fn new(calls: u32, within: Duration) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { calls: calls.max(1), within, id: Arc::new(NEXT.fetch_add(1, Ordering::Relaxed)) }
    }
}

impl Default for LoopGuard {
    /// Five times in ten minutes.
    fn default() -> Self {
        Self::new(5, Duration::from_secs(10 * 60))
    }
}

impl From<&Self> for LoopGuard {
    fn from(shared: &Self) -> Self {
        shared.clone()
    }
}

/// A call that was made too often. It is [permanent](Class::Permanent): made again, it is still the
/// same call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{agent} was called {calls} times with the same input in {within:?}: {limit} are allowed")]
#[non_exhaustive]
pub struct LoopDetected {
    /// The agent.
    pub agent: String,
    /// How often it was called, this call included.
    pub calls: u32,
    /// How often it may be.
    pub limit: u32,
    /// In which working time.
    pub within: Duration,
}

impl Classify for LoopDetected {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// The calls of a run that guards have seen, by guard and input.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    seen: HashMap<(u64, u64), Vec<Call>>,
    /// How many there may be before old ones are looked for.
    roomy: usize,
}

#[derive(Debug)]
struct Call {
    /// Of the key of the decision that it was made.
    fingerprint: u64,
    /// When it does not count any more, in milliseconds of working time.
    until: u64,
    /// How many there were when it was made.
    count: u32,
}

impl Calls {
    /// Counts a call, unless it was counted before, and says how many there were when it was made.
    fn count(&mut self, same: (u64, u64), call: u64, now: u64, made: Made) -> u32 {
        self.forget(now);
        let calls = self.seen.entry(same).or_insert_with(|| Vec::with_capacity(1));
        if let Some(before) = calls.iter().find(|before| before.fingerprint == call) {
            return before.count;
        }
        let (until, count) = match made {
            Made::Before { until, count } => (until, count),
            Made::Now { within } => {
                let others = calls.iter().filter(|other| other.until > now).count();
                (now.saturating_add(within), u32::try_from(others + 1).unwrap_or(u32::MAX))
            }
        };
        calls.push(Call { fingerprint: call, until, count });
        count
    }

    fn forget(&mut self, now: u64) {
        if self.seen.len() >= self.roomy {
            for calls in self.seen.values_mut() {
                calls.retain(|call| call.until > now);
            }
            self.seen.retain(|_, calls| !calls.is_empty());
            self.roomy = 2 * self.seen.len().max(512);
        }
    }
}

/// When a call was made.
#[derive(Debug, Clone, Copy)]
enum Made {
    /// In an earlier process.
    Before {
        until: u64,
        count: u32,
    },
    Now {
        within: u64,
    },
}

/// How a call is journaled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Counted {
    /// The working time of the run at which it was made, in milliseconds.
    at: u64,
    /// How many of the same there were within the time of the guard, this one included.
    calls: u32,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl RunContext {
    /// Counts a call of this place, and journals that: what is said of it depends on the time.
    fn count_call<I: Serialize>(&self, guard: &LoopGuard, input: &I) -> Result<u32, AgentError> {
        let ordinal = self.node.next_ordinal(Sigil::Decision, &CALL);
        let path = self.node.path();
        let run = &self.env().run;
        let codec = |what| move |source| AgentError::Codec { key: path.clone(), what, source };
        let same = (*guard.id, Digest::fingerprint(input, &run.hashes).map_err(codec("input"))?);
        let call = run.hashes.hash_one((path.as_str(), ordinal));
        let (now, within) = (millis(run.clock.worked()), millis(guard.within));
        let fresh = Made::Now { within };
        if run.journal.is_none() {
            return Ok(run.calls().count(same, call, now, fresh));
        }
        // Without the attempts around it, since it is the same call in each of them.
        let key = keyed(path.as_str(), Sigil::Decision, &CALL, ordinal);
        self.check_not_nested(|| key.clone())?;
        if let Some(counted) = self.recorded(&key) {
            let Counted { at, calls: count } = decode(&key, Outcome::Ok(counted))?;
            let before = Made::Before { until: at.saturating_add(within), count };
            return Ok(run.calls().count(same, call, now, before));
        }
        let calls = run.calls().count(same, call, now, fresh);
        let value = Payload::encode(&Counted { at: now, calls }).map_err(codec("output"))?;
        run.decides();
        // It precedes whatever follows from it, so nobody has to wait for it.
        drop(self.record(&key, Fact::Decided { value })?);
        Ok(calls)
    }
}

/// An agent that is not called in circles; made by
/// [`AgentExt::with_loop_guard`](crate::AgentExt::with_loop_guard).
#[derive(Clone)]
pub struct WithLoopGuard<A> {
    agent: A,
    guard: LoopGuard,
}

impl<A> WithLoopGuard<A> {
    pub(crate) fn new(agent: A, guard: LoopGuard) -> Self {
        Self { agent, guard }
    }
}

impl<A: BaseAgent> fmt::Debug for WithLoopGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.agent.name();
        f.debug_struct("WithLoopGuard").field("agent", &name).field("guard", &self.guard).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A> BaseAgent for WithLoopGuard<A>
where
    A: BaseAgent,
    A::Input: Serialize + Sync,
{
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let calls = cx.count_call(&self.guard, &input)?;
        let LoopGuard { calls: limit, within, .. } = self.guard;
        if calls > limit {
            let agent = self.agent.name().to_owned();
            return Err(LoopDetected { agent, calls, limit, within }.into());
        }
        self.agent.run(input, cx).await
    }
}
