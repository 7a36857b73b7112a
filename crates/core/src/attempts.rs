//! Trying again, within what the journal remembers.

use std::future::Future;
use std::num::NonZeroU32;

use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::node::Segment;
use crate::error::{AgentError, Class, RecordedError};
use crate::event::EventKind;
use crate::identity::{Key, Name};
use crate::journal::{Outcome, Payload};
use crate::step::decode;

/// A decision of ours: no [`Name`](crate::Name) has this form.
const ATTEMPT: &str = "%attempt";

impl RunContext {
    /// Runs `work` until it succeeds, fails for good, or has failed `max` times with a
    /// [transient](Class::Transient) error.
    ///
    /// All attempts share the place of one [`child`](Self::child) of this name, each with fresh
    /// ordinals: the steps that an earlier attempt completed replay, only the others run. Each failed
    /// attempt is journaled, so that crashes do not add attempts. It neither waits between attempts
    /// nor decides what else may be tried again: policies do that, on top of it.
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
        mut work: F,
    ) -> impl Future<Output = Result<O, AgentError>> + Send + use<'a, O, F, Fut>
    where
        F: FnMut(Self) -> Fut + Send + 'a,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'a,
        O: Send + 'a,
    {
        // The name is taken at the call, as that of a step is.
        let place = self.child(name);
        async move {
            let mut attempt = 1;
            loop {
                let key = place.decision_key(&Name::verbatim(ATTEMPT))?;
                let error = match place.recorded(&key) {
                    Some(failure) => {
                        place.pass_attempt(attempt);
                        let failure = decode::<RecordedError>(&key, Outcome::Ok(failure))?;
                        AgentError::Recorded(failure)
                    }
                    None => match work(place.attempt(attempt)).await {
                        Err(error) if error.class() == Class::Transient => {
                            place.record_attempt(&key, &error).await?;
                            error
                        }
                        settled => return settled,
                    },
                };
                if attempt >= max.get() {
                    return Err(error);
                }
                place.emit(|| EventKind::Retried { attempt, error: error.recorded() });
                attempt += 1;
            }
        }
    }

    async fn record_attempt(&self, key: &Key, error: &AgentError) -> Result<(), AgentError> {
        if self.env().run.breaks(Rule::AttemptsAreJournaled) {
            return Ok(());
        }
        let codec = |source| AgentError::Codec { key: key.clone(), what: "output", source };
        let value = Payload::encode(&error.recorded()).map_err(codec)?;
        self.record_decision(key, value).await
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
