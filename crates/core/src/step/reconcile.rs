use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use super::Effect;
use crate::error::AgentError;
use crate::identity::{Digest, IdempotencyKey, Key};
use crate::journal::Payload;

/// Finds out what became of steps in doubt: no receipt says with what they ended.
#[async_trait]
pub trait Reconciler: fmt::Debug + Send + Sync + 'static {
    /// Answers for one step, for example by asking the service for the idempotency key.
    ///
    /// # Cancel safety
    /// A dropped call decides nothing; the next resume asks again.
    async fn reconcile(&self, doubt: InDoubt) -> Reconciled;
}

const _: Option<&dyn Reconciler> = None;

/// A reversible or irreversible step of which it is not known whether it happened, or with what it
/// ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InDoubt {
    /// The step.
    pub key: Key,
    /// What it does to the world.
    pub effect: Effect,
    /// The digest of its input.
    pub input: Digest,
    /// What was given to the service.
    pub idempotency_key: IdempotencyKey,
    /// What is not known of it.
    pub why: Doubt,
    /// Whether the run will come by this step again.
    pub fate: Fate,
}

/// Why a step is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// Its intent was written, and no receipt: it may have happened.
    NoReceipt,
    /// It happened, and its output was [withheld](crate::Record::withhold).
    Withheld,
}

/// Whether a step in doubt will be entered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The run waits for the answer at this step.
    Awaited,
    /// The pattern around it has settled without it: nobody will enter it again.
    Abandoned,
}

/// What became of a step in doubt.
#[derive(Debug, Clone)]
pub enum Reconciled {
    /// It did not happen, or may happen again: it may run.
    Rerun,
    /// It happened, with this output.
    Completed(Payload),
    /// It did not happen, and never will.
    Failed(Arc<str>),
    /// Nobody but an operator can tell; the reason is for them.
    Park(Arc<str>),
}

impl Reconciled {
    /// It happened, with this output.
    ///
    /// # Errors
    /// When the output has no form in JSON.
    pub fn completed<T: Serialize + ?Sized>(output: &T) -> Result<Self, AgentError> {
        let encode = |source| AgentError::Codec { key: Key::new(""), what: "output", source };
        Payload::encode(output).map(Self::Completed).map_err(encode)
    }
}

/// The default: every step in doubt is parked.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParkAll;

#[async_trait]
impl Reconciler for ParkAll {
    async fn reconcile(&self, doubt: InDoubt) -> Reconciled {
        let effect = doubt.effect;
        let reason = match doubt.why {
            Doubt::NoReceipt => {
                format!("its {effect} effect may have happened, no reconciler knows")
            }
            Doubt::Withheld => format!(
                "its output was withheld, its {effect} effect has happened and may not happen \
                 again, no reconciler knows the output"
            ),
        };
        Reconciled::Park(reason.into())
    }
}

/// Makes a reconciler of a closure.
pub fn reconciler_fn<F, Fut>(f: F) -> impl Reconciler
where
    F: Fn(InDoubt) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reconciled> + Send + 'static,
{
    FnReconciler(f)
}

struct FnReconciler<F>(F);

impl<F> fmt::Debug for FnReconciler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnReconciler")
    }
}

#[async_trait]
impl<F, Fut> Reconciler for FnReconciler<F>
where
    F: Fn(InDoubt) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reconciled> + Send + 'static,
{
    async fn reconcile(&self, doubt: InDoubt) -> Reconciled {
        (self.0)(doubt).await
    }
}
