//! An end to calling the same thing again and again.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::context::node::keyed;
use crate::error::{AgentError, Class, Classify};
use crate::identity::{Digest, Key, Name, Sigil};
use crate::journal::{Fact, Payload};

/// A decision of ours: no [`Name`](crate::Name) has this form.
const CALL: &str = "%call";

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
    seen: HashMap<(u64, Digest), Vec<Call>>,
    /// How many there may be before old ones are looked for.
    roomy: usize,
}

#[derive(Debug)]
struct Call {
    key: Key,
    /// In milliseconds of working time.
    at: u64,
    forgotten_at: u64,
    /// How many there were then.
    count: u32,
}

impl Calls {
    /// Counts a call, unless it was counted before, and says when it was made and how many there were
    /// then.
    fn count(
        &mut self,
        guard: &LoopGuard,
        digest: Digest,
        key: Key,
        now: u64,
        recorded: Option<(u64, u32)>,
    ) -> (u64, u32) {
        self.forget(now);
        let within = millis(guard.within);
        let same = self.seen.entry((*guard.id, digest)).or_default();
        if let Some(call) = same.iter().find(|call| call.key == key) {
            return (call.at, call.count);
        }
        let (at, count) = recorded.unwrap_or_else(|| {
            let recent = same.iter().filter(|call| call.forgotten_at > now).count();
            (now, u32::try_from(recent + 1).unwrap_or(u32::MAX))
        });
        same.push(Call { key, at, forgotten_at: at.saturating_add(within), count });
        (at, count)
    }

    fn forget(&mut self, now: u64) {
        if self.seen.len() >= self.roomy {
            for calls in self.seen.values_mut() {
                calls.retain(|call| call.forgotten_at > now);
            }
            self.seen.retain(|_, calls| !calls.is_empty());
            self.roomy = 2 * self.seen.len().max(512);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl RunContext {
    /// Counts a call of this place, and journals that: what is said of it depends on the time.
    fn count_call(&self, guard: &LoopGuard, digest: Digest) -> Result<u32, AgentError> {
        let name = Name::verbatim(CALL);
        let ordinal = self.node.next_ordinal(Sigil::Decision, &name);
        // Without the attempts around it, since it is the same call in each of them.
        let key = keyed(self.node.path().as_str(), Sigil::Decision, &name, ordinal);
        self.check_not_nested(|| key.clone())?;
        let run = &self.env().run;
        let recorded = if run.has_decided() { self.recorded(&key) } else { None };
        let recorded = recorded.and_then(|call| call.decode::<(u64, u32)>().ok());
        let now = millis(run.clock.worked());
        let call = run.calls().count(guard, digest, key.clone(), now, recorded);
        if run.journal.is_some() && recorded.is_none() {
            let codec = |source| AgentError::Codec { key: key.clone(), what: "output", source };
            let value = Payload::encode(&call).map_err(codec)?;
            run.decides();
            // It precedes whatever follows from it, so nobody has to wait for it.
            drop(self.record(&key, Fact::Decided { value })?);
        }
        Ok(call.1)
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
        let digest = cx.digest(&cx.path(), &input)?;
        let calls = cx.count_call(&self.guard, digest)?;
        let LoopGuard { calls: limit, within, .. } = self.guard;
        if calls > limit {
            let agent = self.agent.name().to_owned();
            return Err(LoopDetected { agent, calls, limit, within }.into());
        }
        self.agent.run(input, cx).await
    }
}
