use super::{Effect, Fate, InDoubt, Reconciled, receipt};
use crate::broken::Rule;
use crate::contain::contain;
use crate::context::RunContext;
use crate::error::{AgentError, Class, RecordedError};
use crate::identity::{Digest, Key};
use crate::journal::Outcome;

/// What is done about a step in doubt.
pub(super) enum Resolved {
    /// It runs again.
    Run,
    /// It has a receipt now.
    Receipt(Outcome),
}

impl RunContext {
    /// Decides about a step that has an intent and no receipt.
    pub(super) async fn resolve(
        &self,
        key: &Key,
        effect: Effect,
        digest: &Digest,
        fate: Fate,
    ) -> Result<Resolved, AgentError> {
        let run = &self.env().run;
        if effect.may_repeat() || run.breaks(Rule::InDoubtIsReconciled) {
            return Ok(Resolved::Run);
        }
        let doubt = InDoubt {
            key: key.clone(),
            effect,
            input: *digest,
            idempotency_key: run.idempotency_key(key, digest),
            fate,
        };
        let asked = contain(|| key.clone(), async { Ok(run.reconciler.reconcile(doubt).await) });
        let outcome = match asked.await {
            Ok(Reconciled::Rerun) => return Ok(Resolved::Run),
            Ok(Reconciled::Completed(payload)) => Outcome::Ok(payload),
            Ok(Reconciled::Failed(text)) => {
                Outcome::Err(RecordedError { class: Class::Permanent, text })
            }
            Ok(Reconciled::Park(reason)) => {
                return Err(AgentError::Parked { step: key.clone(), reason });
            }
            Err(panic) => {
                let reason = format!("its reconciler failed: {panic}").into();
                return Err(AgentError::Parked { step: key.clone(), reason });
            }
        };
        // What the attempt in doubt had reserved counts as spent, in every later process too.
        let reserved = run.history().reserved(key);
        self.write(key, receipt(*digest, outcome.clone(), reserved)).await?;
        Ok(Resolved::Receipt(outcome))
    }

    /// As [`resolve`](Self::resolve), for a step that nobody will enter again.
    pub(crate) async fn resolve_abandoned(
        &self,
        key: &Key,
        effect: Effect,
        digest: &Digest,
    ) -> Result<Option<Outcome>, AgentError> {
        match self.resolve(key, effect, digest, Fate::Abandoned).await? {
            Resolved::Run => Ok(None),
            Resolved::Receipt(outcome) => Ok(Some(outcome)),
        }
    }
}
