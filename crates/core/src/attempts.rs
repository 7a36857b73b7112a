//! Trying again, within what the journal remembers.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::node::Segment;
use crate::error::{AgentError, Class, RecordedError};
use crate::event::EventKind;
use crate::identity::{Digest, Key, Name};
use crate::journal::Payload;
use crate::step::decode;

/// A decision of ours: no [`Name`](crate::Name) has this form.
static ATTEMPT: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%attempt"));

impl RunContext {
    /// Runs `work` until it succeeds, fails for good, or has failed `max` times with a
    /// [transient](Class::Transient) error.
    ///
    /// All attempts share the place of one [`child`](Self::child) of this name, each with fresh
    /// ordinals: the steps that an earlier attempt completed replay, only the others run. Each failed
    /// attempt is journaled, so that crashes do not add attempts. It waits between attempts only where
    /// a failure [says for how long](AgentError::transient_for), and tries nothing else again:
    /// [`with_retry`](crate::AgentExt::with_retry) does more.
    ///
    /// # Errors
    /// The last attempt's error.
    ///
    /// # Cancel safety
    /// A dropped attempt does not count as failed.
    pub fn attempts<'a, O, F, Fut>(
        &'a self,
        name: &str,
        max: NonZeroU32,
        work: F,
    ) -> impl Future<Output = Result<O, AgentError>> + Send + use<'a, O, F, Fut>
    where
        F: FnMut(Self) -> Fut + Send + 'a,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'a,
        O: Send + 'a,
    {
        // The name is taken at the call, as that of a step is.
        let place = self.child(name);
        async move { place.attempt_by(&AtOnce(max), work).await }
    }
}

/// When a failed attempt is followed by another.
pub(crate) trait Schedule: Sync {
    /// Whether a failure of this class is an attempt that may be followed by another.
    fn retries(&self, class: Class) -> bool;

    /// How long to wait after the failed attempt of this number, from 1; `None` where it was the
    /// last. Chance is drawn from `seed`, so that it is the same for the same attempt of a run.
    fn wait(&self, attempt: u32, seed: impl FnOnce() -> u64) -> Option<Duration>;
}

struct AtOnce(NonZeroU32);

impl Schedule for AtOnce {
    fn retries(&self, class: Class) -> bool {
        class == Class::Transient
    }

    fn wait(&self, attempt: u32, _: impl FnOnce() -> u64) -> Option<Duration> {
        (attempt < self.0.get()).then_some(Duration::ZERO)
    }
}

/// How a failed attempt is journaled.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    #[serde(flatten)]
    error: RecordedError,
    /// The working time of the run from which on it is tried again, in milliseconds; absent where
    /// nothing has to be waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again_at: Option<u64>,
}

impl RunContext {
    /// Makes attempts in this very place, each with fresh ordinals, until the schedule ends.
    pub(crate) async fn attempt_by<O, F, Fut>(
        &self,
        schedule: &impl Schedule,
        mut work: F,
    ) -> Result<O, AgentError>
    where
        F: FnMut(Self) -> Fut + Send,
        Fut: Future<Output = Result<O, AgentError>> + Send,
    {
        let mut attempt = 1;
        loop {
            let (error, again_at, is_fresh) = match self.failed_attempt(attempt)? {
                Some(Failed { error, again_at }) => {
                    self.pass_attempt(attempt);
                    (AgentError::Recorded(error), again_at, false)
                }
                None => match work(self.attempt(attempt)).await {
                    Err(error) if self.is_retried(schedule, &error) => {
                        let again_at = self.record_attempt(schedule, attempt, &error).await?;
                        (error, again_at, true)
                    }
                    settled => return settled,
                },
            };
            if schedule.wait(attempt, || 0).is_none() {
                return Err(error);
            }
            if is_fresh && let Err(stopped) = self.check() {
                // No attempt begins in what is stopped. What was begun before replays even then.
                let is_cancelled = stopped.class() == Class::Cancelled;
                return Err(if is_cancelled { stopped } else { error });
            }
            self.emit(|| EventKind::Retried { attempt, error: error.recorded() });
            if let Some(at) = again_at {
                // Where the run has worked for longer, the next attempt has begun before.
                self.wait_to_retry(Duration::from_millis(at), error).await?;
            }
            attempt += 1;
        }
    }

    /// Waits until the run has worked for so long. Where the deadline comes before, or the budget is
    /// used up, nobody waits for what cannot come.
    async fn wait_to_retry(&self, at: Duration, error: AgentError) -> Result<(), AgentError> {
        let clock = &self.env().run.clock;
        let wait = at.saturating_sub(clock.worked());
        if wait.is_zero() {
            return Ok(());
        }
        if self.time_left().is_some_and(|left| left <= wait) || self.remaining().is_zero() {
            return Err(error);
        }
        self.unless_stopped(clock.sleep_until(at)).await
    }

    /// The deadline of this very place ends all its attempts; that of an attempt ends that one.
    fn is_retried(&self, schedule: &impl Schedule, error: &AgentError) -> bool {
        let class = error.class();
        let is_over = class == Class::DeadlineExceeded && self.env().is_past_deadline();
        schedule.retries(class) && !is_over
    }

    fn failed_attempt(&self, attempt: u32) -> Result<Option<Failed>, AgentError> {
        if !self.env().run.has_decided() {
            return Ok(None);
        }
        let key = self.attempt_key(attempt)?;
        self.recorded(&key).map(|failed| decode(&key, Ok(failed))).transpose()
    }

    /// The number of an attempt is that of the decision that it failed: they have their place to
    /// themselves.
    fn attempt_key(&self, attempt: u32) -> Result<Key, AgentError> {
        self.decision_key_at(&ATTEMPT, attempt)
    }

    /// What chance is drawn from for this decision: other runs draw other chances.
    fn seed(&self, key: &Key) -> u64 {
        let text = format!("{} {key}", self.run_id());
        let digest = Digest::of_bytes(text.as_bytes());
        digest.as_bytes()[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    async fn record_attempt(
        &self,
        schedule: &impl Schedule,
        attempt: u32,
        error: &AgentError,
    ) -> Result<Option<u64>, AgentError> {
        let key = self.attempt_key(attempt)?;
        let wait = schedule.wait(attempt, || self.seed(&key));
        let wait = wait.map(|wait| wait.max(error.retry_after().unwrap_or_default()));
        let wait = wait.filter(|wait| !wait.is_zero());
        let again_at = wait.map(|wait| {
            let at = self.env().run.clock.worked().saturating_add(wait);
            // Up to a whole one, since it is waited for at least as long.
            u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
        });
        if self.env().run.breaks(Rule::AttemptsAreJournaled) {
            return Ok(again_at);
        }
        let failed = Failed { error: error.recorded(), again_at };
        let codec = |source| AgentError::Codec { key: key.clone(), what: "output", source };
        let value = Payload::encode(&failed).map_err(codec)?;
        self.record_decision(&key, value).await?;
        Ok(again_at)
    }

    /// What an attempt has decided that is not made again is behind the code, not ahead of it.
    fn pass_attempt(&self, attempt: u32) {
        let suffix = self.attempt(attempt).node.attempts();
        self.env().run.history().pass_attempt(self.node.path(), &suffix);
    }

    fn attempt(&self, attempt: u32) -> Self {
        if self.env().run.breaks(Rule::AttemptsShareOrdinals) {
            return self.clone();
        }
        self.derive(self.env().clone(), Segment::Attempt(attempt))
    }
}
