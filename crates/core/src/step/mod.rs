//! Work that is journaled: intent, effect, receipt.

mod body;
mod doubt;
mod effect;
mod guard;
mod reconcile;
mod slot;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use body::StepContext;
pub(crate) use body::is_mistake;
pub use effect::{Effect, StepOptions};
pub use reconcile::{Doubt, Fate, InDoubt, ParkAll, Reconciled, Reconciler, reconciler_fn};
pub(crate) use slot::AtWork;

use crate::broken::Rule;
use crate::context::RunContext;
use crate::error::{AgentError, Source};
use crate::event::EventKind;
use crate::identity::{Digest, Key, Sigil};
use crate::journal::{Answer, Fact, Outcome, Payload, Standing, Visit};
use crate::run::count;
use doubt::Resolved;

impl RunContext {
    /// Does something at most once as far as this run can know: intent, effect, receipt.
    ///
    /// The step is named by this context's path, `name`, and how many of that name were called here
    /// before. When the journal holds its receipt, the body is not run and the receipt's output is
    /// returned; a permanent failure is returned the same way, as
    /// [`Recorded`](AgentError::Recorded). An intent without a receipt is *in doubt*: a pure or
    /// idempotent step runs again, any other is put to the run's [`Reconciler`]. So is a step whose
    /// output a store has [withheld](crate::Record::withhold). The outcome is recorded once and the body runs at least once; its effect happens once only where the service
    /// called honours [`StepContext::idempotency_key`].
    ///
    /// `options` is an [`Effect`], or one that [reserves](Effect::reserving) a part of the budget.
    /// The output that is returned has been through its JSON form, so that it is the same on the
    /// first run and on every replay.
    ///
    /// Neither a step, nor anything else of a context, may be opened in the body: it is skipped on a
    /// replay, and what it opened would shift the names of what follows.
    ///
    /// # Errors
    /// The body's own error; or `Cancelled`, `DeadlineExceeded`, `BudgetExhausted` or `NotPermitted`
    /// before the body began; `Parked` where a step in doubt has no answer, or the journal has
    /// stopped; `Diverged` where the journal knows this step with another input; `ConcurrentStep`,
    /// `NestedStep` and `Codec` where the call itself is wrong.
    ///
    /// # Cancel safety
    /// Dropped while the body runs, the step is in doubt. Cancelling the run does not drop the body:
    /// it has the grace of its scope to end, and can watch [`StepContext::cancelled`].
    ///
    /// ```
    /// use maniple_core::{AgentError, Effect, MemoryJournal, Run, agent_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let journal = MemoryJournal::new();
    /// for _ in 0..2 {
    ///     let pay = agent_fn("pay", |cents: u64, cx| async move {
    ///         cx.step("charge", Effect::Idempotent, cents, |cents, step| async move {
    ///             Ok(format!("charged {cents} under {}", step.key()))
    ///         })
    ///         .await
    ///     });
    ///     let run = Run::builder("example").with_journal(journal.clone()).open().await?;
    ///     assert_eq!(run.execute(pay, 1250).await?, "charged 1250 under /pay/charge");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn step<'a, I, O, E, F, Fut>(
        &'a self,
        name: &str,
        options: E,
        input: I,
        body: F,
    ) -> impl Future<Output = Result<O, AgentError>> + Send + use<'a, I, O, E, F, Fut>
    where
        I: Serialize + Send + 'a,
        O: Serialize + DeserializeOwned + Send + 'a,
        E: Into<StepOptions>,
        F: FnOnce(I, StepContext) -> Fut + Send + 'a,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'a,
    {
        // The name is taken here and not at the first poll, so that it depends on the order of the
        // calls alone.
        let slot = self.take_slot(Sigil::Child, name);
        let options = options.into();
        async move {
            let slot = slot?;
            self.check_open()?;
            let result = self.drive(&slot.key, options, input, body).await;
            self.latch(result)
        }
    }

    async fn drive<I, O, F, Fut>(
        &self,
        key: &Key,
        options: StepOptions,
        input: I,
        body: F,
    ) -> Result<O, AgentError>
    where
        I: Serialize + Send,
        O: Serialize + DeserializeOwned + Send,
        F: FnOnce(I, StepContext) -> Fut + Send,
        Fut: Future<Output = Result<O, AgentError>> + Send,
    {
        let run = &self.env().run;
        let digest = self.digest(key, &input)?;
        if run.breaks(Rule::ReplayIgnoresDeadline) {
            self.check()?;
        }
        let visit = self.look_up_step(key, options.effect, &digest);
        let _at_work = AtWork::of(self, key, &visit)?;
        match visit.standing {
            Standing::Ready | Standing::InFlight => {}
            Standing::Open(effect, doubt) => {
                count(&run.counters.in_doubt, 1);
                run.emit(|| key.clone(), || EventKind::InDoubt { effect });
                match self.resolve(key, effect, &digest, doubt, Fate::Awaited).await? {
                    Resolved::Run => {}
                    Resolved::Receipt(answer) => return decode(key, answer),
                }
            }
            Standing::Done(answer) => {
                count(&run.counters.steps_replayed, 1);
                run.emit(|| key.clone(), || EventKind::Replayed);
                return decode(key, answer);
            }
            Standing::Abandoned => return Err(AgentError::Cancelled { key: key.clone() }),
            Standing::Diverged(found) => {
                return Err(AgentError::Diverged { key: key.clone(), found: found.into() });
            }
        }
        self.run_body(key, options, digest, input, body).await
    }

    /// Comes by the step in the history, and counts what it has used there.
    fn look_up_step(&self, key: &Key, effect: Effect, digest: &Digest) -> Visit {
        let run = &self.env().run;
        #[cfg(feature = "broken")]
        let recorded = run.history().digest_of(key).filter(|_| run.breaks(Rule::DigestIsCompared));
        #[cfg(feature = "broken")]
        let digest = recorded.as_ref().unwrap_or(digest);
        let visit = run.history().enter(key, Some(effect), digest);
        #[cfg(feature = "broken")]
        {
            let rule = match visit.standing {
                Standing::Open(_, Doubt::NoReceipt) => Rule::InDoubtIsSpent,
                _ => Rule::ReplayDebits,
            };
            if run.breaks(rule) {
                self.env().lease.forget(visit.used);
                return visit;
            }
        }
        self.env().lease.replay(visit.used);
        visit
    }

    #[cfg_attr(
        not(feature = "broken"),
        expect(clippy::unused_self, reason = "only a broken variant asks the run")
    )]
    pub(crate) fn digest<I: Serialize>(&self, key: &Key, input: &I) -> Result<Digest, AgentError> {
        let codec = |source| AgentError::Codec { key: key.clone(), what: "input", source };
        #[cfg(feature = "broken")]
        if self.env().run.breaks(Rule::DigestIsCanonical) {
            return Digest::of_unsorted(input).map_err(codec);
        }
        Digest::of(input).map_err(codec)
    }
}

/// What a receipt answers.
pub(crate) fn decode<O: DeserializeOwned>(key: &Key, answer: Answer) -> Result<O, AgentError> {
    match answer {
        Ok(payload) => payload.decode().map_err(|source| output(key, source)),
        Err(error) => Err(AgentError::Recorded(error)),
    }
}

/// An output as it is written, once it is known that it can be read back.
pub(crate) fn encode<O>(key: &Key, value: &O) -> Result<(Payload, O), AgentError>
where
    O: Serialize + DeserializeOwned,
{
    let payload = Payload::encode(value).map_err(|source| output(key, source))?;
    let value = payload.decode().map_err(|source| output(key, source))?;
    Ok((payload, value))
}

fn output(key: &Key, source: Source) -> AgentError {
    AgentError::Codec { key: key.clone(), what: "output", source }
}

pub(crate) fn receipt(digest: Digest, answer: Answer, spent: crate::Budget) -> Fact {
    Fact::Receipt { digest, outcome: Outcome::from(answer), spent }
}
