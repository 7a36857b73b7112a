//! An end to calling the same thing again and again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
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
use crate::journal::{Fact, Payload};
use crate::step::decode;

/// A decision of ours: no [`Name`](crate::Name) has this form.
static CALL: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%call"));

/// How often the same call may be made in a run, over all agents that share the guard: clones are the
/// same guard.
///
/// Calls are the same where their inputs are, as [`Digest`]s compare them. A call that is made again
/// in a later attempt, or on a resume, is the one that it was: it is not counted twice, and what was
/// said of it then is said again. The time is the working time of the run. Calls inside of a durable
/// branch that has ended are not come by on a resume, and do not count from then on.
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
    /// How often it was called, this call included; at least so often, where that is far more than is
    /// allowed.
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

/// The calls of a run that guards have seen, by the fingerprint of guard and input.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Of the calls that are the same, the first. Most have no other.
    first: HashMap<u64, Call, BuildHasherDefault<AsItIs>>,
    /// Those after it.
    more: HashMap<u64, Vec<Call>, BuildHasherDefault<AsItIs>>,
    /// How many first ones there may be before old ones are looked for.
    roomy: usize,
}

#[derive(Debug)]
struct Call {
    /// Of the place that it was made in, and its number there.
    fingerprint: u64,
    /// When it does not count any more, in milliseconds of working time.
    until: u64,
    /// How many there were when it was made.
    count: u32,
}

impl Calls {
    /// Counts a call, unless it was counted before, and says how many there were when it was made.
    fn count(&mut self, limit: u32, same: u64, fingerprint: u64, now: u64, made: Made) -> u32 {
        self.forget(now);
        let call = |others: usize| match made {
            Made::Before { until, count } => Call { fingerprint, until, count },
            Made::Now { within } => {
                let count = u32::try_from(others + 1).unwrap_or(u32::MAX);
                Call { fingerprint, until: now.saturating_add(within), count }
            }
        };
        let first = match self.first.entry(same) {
            Entry::Vacant(place) => return place.insert(call(0)).count,
            Entry::Occupied(first) => first.into_mut(),
        };
        if first.fingerprint == fingerprint {
            return first.count;
        }
        let more = self.more.entry(same).or_default();
        if let Some(before) = more.iter().find(|before| before.fingerprint == fingerprint) {
            return before.count;
        }
        let all = std::iter::once(&*first).chain(&*more);
        let call = call(all.filter(|other| other.until > now).count());
        let count = call.count;
        let most =
            usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_mul(4).max(64));
        if more.len() >= most {
            // So that who calls without an end costs no more with each call. More than are allowed
            // even so: what is left out is only how many more.
            more.drain(..most / 2);
        }
        more.push(call);
        count
    }

    /// Drops what does not count any more, at a cost that grows with a call by a constant.
    fn forget(&mut self, now: u64) {
        if self.first.len() >= self.roomy {
            self.more.retain(|_, more| {
                more.retain(|call| call.until > now);
                !more.is_empty()
            });
            let Self { first, more, .. } = self;
            first.retain(|same, call| call.until > now || more.contains_key(same));
            self.roomy = 2 * self.first.len().max(512);
        }
    }
}

/// Takes a fingerprint for the hash that it is.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 ^= fingerprint;
    }

    fn finish(&self) -> u64 {
        self.0
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
        let ordinal = self.node.next_call();
        let run = &self.env().run;
        let codec = |what| move |source| AgentError::Codec { key: self.path(), what, source };
        let same = Digest::fingerprint(*guard.id, input, &run.hashes).map_err(codec("input"))?;
        let mut call = run.hashes.build_hasher();
        self.node.hash_path(&mut call);
        if ordinal != 1 {
            // Few places make more calls than one, and a byte 0 ends a path.
            (0_u8, ordinal).hash(&mut call);
        }
        let call = call.finish();
        let (now, within) = (millis(run.clock.worked()), millis(guard.within));
        let fresh = Made::Now { within };
        if run.journal.is_none() {
            return Ok(run.calls().count(guard.calls, same, call, now, fresh));
        }
        // Without the attempts around it, since it is the same call in each of them.
        let key = keyed(self.node.path().as_str(), Sigil::Decision, &CALL, ordinal);
        self.check_not_nested(|| key.clone())?;
        if let Some(counted) = self.recorded(&key) {
            let Counted { at, calls: count } = decode(&key, Ok(counted))?;
            let before = Made::Before { until: at.saturating_add(within), count };
            return Ok(run.calls().count(guard.calls, same, call, now, before));
        }
        let calls = run.calls().count(guard.calls, same, call, now, fresh);
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
