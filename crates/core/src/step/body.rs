use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument;

use super::guard::guarded;
use super::{Effect, StepOptions, encode, receipt};
use crate::broken::Rule;
use crate::budget::{Budget, Reservation};
use crate::contain::contain;
use crate::context::RunContext;
use crate::context::env::Env;
use crate::error::AgentError;
use crate::event::{EventKind, mark_failed, mark_used, step_span};
#[cfg(feature = "tools")]
use crate::identity::RunId;
use crate::identity::{Digest, IdempotencyKey, Key};
use crate::journal::Fact;
use crate::run::count;

/// What the body of a step is given: no context, because nothing may be opened in it.
#[derive(Clone)]
pub struct StepContext(Arc<Inner>);

struct Inner {
    env: Arc<Env>,
    key: Key,
    idempotency_key: IdempotencyKey,
    used: Mutex<Option<Budget>>,
}

impl StepContext {
    /// The step's key.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// What to give to the service that is called, so that it counts a repeated call once. It is the
    /// same each time this step runs.
    pub fn idempotency_key(&self) -> IdempotencyKey {
        self.0.idempotency_key
    }

    /// Adds to what the step has used. A step that never says so has used all that it reserved.
    pub fn spend(&self, used: Budget) {
        let mut sum = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = Some(sum.unwrap_or(Budget::ZERO).plus(used));
    }

    /// Whether the run, or this part of it, was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.env.token.is_cancelled()
    }

    /// Waits until the run, or this part of it, is asked to stop.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.0.env.token.cancelled().await;
    }

    #[cfg(feature = "tools")]
    pub(crate) fn run_id(&self) -> &RunId {
        &self.0.env.run.id
    }

    fn used(&self, reserved: Budget) -> Budget {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(reserved)
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("key", self.key()).finish_non_exhaustive()
    }
}

impl RunContext {
    /// Has the effect of a step that is not in doubt: checks, intent, body, receipt.
    pub(super) async fn run_body<I, O, F, Fut>(
        &self,
        key: &Key,
        options: StepOptions,
        digest: Digest,
        input: I,
        body: F,
    ) -> Result<O, AgentError>
    where
        I: Send,
        O: Serialize + DeserializeOwned + Send,
        F: FnOnce(I, StepContext) -> Fut + Send,
        Fut: Future<Output = Result<O, AgentError>> + Send,
    {
        self.check()?;
        self.check_permitted(key, options)?;
        let mut reservation = self.reserve(key, options.reserve)?;
        let intent = self.record_intent(key, options, digest).await?;

        let run = &self.env().run;
        if intent == Intent::Written {
            // Writing it may have taken long.
            if let Err(late) = self.check() {
                let failed = Fact::Failed { error: late.recorded(), spent: Budget::ZERO };
                self.write(key, failed).await?;
                return Err(late);
            }
        }
        let step = StepContext(Arc::new(Inner {
            env: self.env().clone(),
            key: key.clone(),
            idempotency_key: run.idempotency_key(key, &digest),
            used: Mutex::new(None),
        }));
        count(&run.counters.steps_run, 1);
        let span = step_span(&run.id, key, options.effect);
        span.in_scope(|| {
            run.emit(|| key.clone(), || EventKind::StepStarted { effect: options.effect });
        });
        reservation.start();
        let began = Instant::now();
        let watched = step.clone();
        let body = guarded(run, async move { body(input, watched).await });
        let result = contain(|| key.clone(), body.instrument(span.clone())).await;
        let spent = step.used(options.reserve);
        mark_failed(&span, &result);
        mark_used(&span, spent);
        span.in_scope(|| {
            let error = || result.as_ref().err().map(AgentError::recorded);
            let kind = || EventKind::StepFinished { error: error(), took: began.elapsed(), spent };
            run.emit(|| key.clone(), kind);
        });
        drop(span);
        // A task that could not be aborted may come this far when nobody waits for it any more. A
        // latch, on the other hand, is about what comes next.
        self.check_unfenced()?;
        if run.history().is_inside_ended(key) {
            // A task that the branch around it did not wait for.
            return Err(AgentError::Cancelled { key: key.clone() });
        }
        self.conclude(key, intent, digest, result, reservation, spent).await
    }

    /// Writes the outcome down, if it is one.
    async fn conclude<O: Serialize + DeserializeOwned + Send>(
        &self,
        key: &Key,
        intent: Intent,
        digest: Digest,
        result: Result<O, AgentError>,
        reservation: Reservation,
        spent: Budget,
    ) -> Result<O, AgentError> {
        let run = &self.env().run;
        let result = result.and_then(|output| encode(key, &output));
        let answer = match &result {
            Ok((payload, _)) => Ok(payload.clone()),
            Err(error) if self.is_receipt(error) => Err(error.recorded()),
            Err(error) => {
                if self.leaves_no_doubt(error) {
                    reservation.settle(spent);
                    if intent == Intent::NotNeeded && !spent.is_zero() {
                        // A failure is that of something that began.
                        let (effect, reserved) = (Effect::Pure, Budget::ZERO);
                        drop(self.record(key, Fact::Intent { effect, digest, reserved })?);
                    }
                    if intent == Intent::Written || !spent.is_zero() {
                        let failed = Fact::Failed { error: error.recorded(), spent };
                        // Lost, it leaves the step in doubt, which is safe.
                        let _ = self.record(key, failed)?.await;
                    }
                } else {
                    let reserved = reservation.amount();
                    reservation.settle(reserved.max(spent));
                }
                return result.map(|(_, output)| output);
            }
        };
        let written = self.record(key, receipt(digest, answer, spent))?;
        if run.breaks(Rule::ReceiptBeforeReturn) {
            drop(written);
        } else {
            written.await?;
        }
        reservation.settle(spent);
        result.map(|(_, output)| output)
    }

    pub(crate) fn is_receipt(&self, error: &AgentError) -> bool {
        let any = self.env().run.breaks(Rule::OnlyFinalIsReceipt);
        (error.class().is_receipt() && !is_mistake(error)) || any
    }

    /// Whether a failed body is known to have had no effect.
    fn leaves_no_doubt(&self, error: &AgentError) -> bool {
        let broken = self.env().run.breaks(Rule::TransientIsNotInDoubt);
        error.class().is_certain() && !is_mistake(error) && !broken
    }

    async fn record_intent(
        &self,
        key: &Key,
        options: StepOptions,
        digest: Digest,
    ) -> Result<Intent, AgentError> {
        let StepOptions { effect, reserve: reserved } = options;
        if effect == Effect::Pure && reserved.is_zero() {
            return Ok(Intent::NotNeeded);
        }
        let run = &self.env().run;
        let written = self.record(key, Fact::Intent { effect, digest, reserved })?;
        if run.breaks(Rule::IntentBeforeEffect) {
            drop(written);
        } else {
            written.await?;
        }
        Ok(Intent::Written)
    }

    fn check_permitted(&self, key: &Key, options: StepOptions) -> Result<(), AgentError> {
        let allowed = self.permissions().highest_effect();
        if options.effect <= allowed {
            return Ok(());
        }
        Err(AgentError::NotPermitted {
            key: key.clone(),
            wanted: options.effect.to_string().into(),
            allowed: allowed.to_string().into(),
        })
    }

    fn reserve(&self, key: &Key, amount: Budget) -> Result<Reservation, AgentError> {
        let reservation = self
            .lease()
            .reserve(amount)
            .map_err(|source| AgentError::BudgetExhausted { key: key.clone(), source })?;
        if !amount.is_zero() && self.lease().runs_low() {
            self.emit(|| EventKind::BudgetLow { remaining: self.remaining() });
        }
        Ok(reservation)
    }
}

/// A mistake in the code around a step says nothing of its effect, and is mended.
pub(crate) fn is_mistake(error: &AgentError) -> bool {
    matches!(
        error,
        AgentError::NestedStep { .. }
            | AgentError::ConcurrentStep { .. }
            | AgentError::PlaceInUse { .. }
            | AgentError::Codec { .. }
    )
}

/// Whether the journal knows that the body was to begin. A pure step that reserves nothing need not
/// say so: it may run again anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    Written,
    NotNeeded,
}
