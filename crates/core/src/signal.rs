//! Waiting for the world outside: approvals, hand-offs, answers of people.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use serde::de::DeserializeOwned;

use crate::context::RunContext;
use crate::error::AgentError;
use crate::event::EventKind;
use crate::identity::{Key, Sigil};
use crate::journal::{Fact, Mark, Payload};
use crate::step::decode;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is the signal's value from now on, whether the run waits for it yet or not.
    Accepted,
    /// An earlier delivery stands.
    AlreadyDelivered,
    /// What would have waited for it has ended, or the pattern around it has settled without it.
    Withdrawn,
    /// The key is not that of a signal.
    NotASignal,
}

impl RunContext {
    /// The value delivered to a signal, named as a [`step`](Self::step) is: `/review!approval`.
    ///
    /// With a journal, a signal that is not delivered yet ends the branch as
    /// [`Suspended`](AgentError::Suspended): siblings finish, the run returns, and goes on when it is
    /// executed again after [`Run::deliver`](crate::Run::deliver). Without one the call waits in
    /// process, and that time counts as working time.
    ///
    /// # Errors
    /// `Suspended`, or `Cancelled` and `DeadlineExceeded` while waiting in process; `Codec` where
    /// what was delivered is not of the type asked for.
    ///
    /// # Cancel safety
    /// Cancel safe: no delivery is lost.
    pub fn signal<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        name: &str,
    ) -> impl Future<Output = Result<T, AgentError>> + Send + use<'a, T> {
        let slot = self.take_slot(Sigil::Signal, name);
        async move {
            let slot = slot?;
            self.check_open()?;
            let result = match self.wait_for(&slot.key).await {
                Ok(payload) => decode(&slot.key, Ok(payload)),
                Err(error) => Err(error),
            };
            self.latch(result)
        }
    }

    async fn wait_for(&self, key: &Key) -> Result<Payload, AgentError> {
        let run = &self.env().run;
        loop {
            let woken = run.delivered.notified();
            let mut woken = pin!(woken);
            // From here on no delivery is missed, so looking again comes after it.
            woken.as_mut().enable();
            let mark = run.history().visit_mark(key);
            match mark {
                Some(Mark::Delivered(value)) => return Ok(value),
                Some(Mark::Withdrawn) => return Err(AgentError::Cancelled { key: key.clone() }),
                _ => {}
            }
            self.check()?;
            if !matches!(mark, Some(Mark::Awaited)) {
                let stands = |mark: Option<&Mark>| {
                    matches!(mark, Some(Mark::Delivered(_) | Mark::Withdrawn))
                };
                let written = run.record_where(key, |history| {
                    if stands(history.peek_mark(key)) { Err(()) } else { Ok(Fact::Awaited) }
                });
                // Delivered since it was looked up: it is looked up again.
                let Ok(durable) = written else { continue };
                durable.await?;
                run.emit(|| key.clone(), || EventKind::Suspended);
            }
            if run.journal.is_some() {
                let signals: Arc<[Key]> = [key.clone()].into();
                return Err(AgentError::Suspended { signals });
            }
            let stopped = async {
                let (cancelled, late) = (pin!(self.cancelled()), pin!(self.deadline_passed()));
                select(cancelled, late).await;
            };
            if let Either::Right(_) = select(woken, pin!(stopped)).await {
                self.check()?;
            }
        }
    }

    async fn deadline_passed(&self) {
        self.env().deadline_passed().await;
    }
}
