//! Trying again, within what the journal remembers.

use std::future::Future;
use std::num::NonZeroU32;

use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::node::Segment;
use crate::error::{AgentError, Class, RecordedError};
use crate::event::EventKind;
use crate::journal::{Outcome, Payload};
use crate::step::decode;

impl RunContext {
    /// Runs `work` until it succeeds, fails for good, or has failed `max` times with a
    /// [transient](Class::Transient) error.
    ///
    /// Each attempt gets a context at the same path with fresh ordinals: the steps that an earlier
    /// attempt completed replay, only the others run. Each failed attempt is journaled, so that
    /// crashes do not add attempts. It neither waits between attempts nor decides what else may be
    /// tried again: policies do that, on top of it.
    ///
    /// # Errors
    /// The last attempt's error.
    ///
    /// # Cancel safety
    /// A dropped attempt does not count as failed.
    pub async fn attempts<O, F, Fut>(&self, max: NonZeroU32, mut work: F) -> Result<O, AgentError>
    where
        F: FnMut(Self) -> Fut + Send,
        Fut: Future<Output = Result<O, AgentError>> + Send,
        O: Send,
    {
        let mut attempt = 1;
        loop {
            let key = self.decision_key("attempt")?;
            let error = match self.recorded(&key) {
                Some(failure) => {
                    AgentError::Recorded(decode::<RecordedError>(&key, Outcome::Ok(failure))?)
                }
                None => match work(self.attempt(attempt)).await {
                    Err(error) if error.class() == Class::Transient => {
                        if !self.env().run.breaks(Rule::AttemptsAreJournaled) {
                            let value = Payload::encode(&error.recorded());
                            let codec = |source| AgentError::Codec {
                                key: key.clone(),
                                what: "output",
                                source,
                            };
                            self.record_decision(&key, value.map_err(codec)?).await?;
                        }
                        error
                    }
                    settled => return settled,
                },
            };
            if attempt >= max.get() {
                return Err(error);
            }
            self.emit(|| EventKind::Retried { attempt, error: error.recorded() });
            attempt += 1;
        }
    }

    fn attempt(&self, attempt: u32) -> Self {
        if self.env().run.breaks(Rule::AttemptsShareOrdinals) {
            return self.clone();
        }
        self.derive(self.env().clone(), Segment::Attempt(attempt))
    }
}
