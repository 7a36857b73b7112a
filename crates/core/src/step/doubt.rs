use super::{Doubt, Effect, Fate, InDoubt, Reconciled, receipt};
use crate::broken::Rule;
use crate::contain::contain;
use crate::context::RunContext;
use crate::error::{AgentError, Class, RecordedError};
use crate::identity::{Digest, Key};
use crate::journal::Answer;

/// What is done about a step in doubt.
pub(super) enum Resolved {
    /// It runs again.
    Run,
    /// It has a receipt now.
    Receipt(Answer),
}

impl RunContext {
    /// Decides about a step of which no receipt says with what it ended.
    pub(super) async fn resolve(
        &self,
        key: &Key,
        effect: Effect,
        digest: &Digest,
        doubt: Doubt,
        fate: Fate,
    ) -> Result<Resolved, AgentError> {
        let run = &self.env().run;
        let rule = match doubt {
            Doubt::NoReceipt => Rule::InDoubtIsReconciled,
            Doubt::Withheld => Rule::WithheldIsReconciled,
        };
        if effect.may_repeat() || run.breaks(rule) {
            return Ok(Resolved::Run);
        }
        let doubt = InDoubt {
            key: key.clone(),
            effect,
            input: *digest,
            idempotency_key: run.idempotency_key(key, digest),
            why: doubt,
            fate,
        };
        let asked = contain(|| key.clone(), async { Ok(run.reconciler.reconcile(doubt).await) });
        let answer = match asked.await {
            Ok(Reconciled::Rerun) => return Ok(Resolved::Run),
            Ok(Reconciled::Completed(payload)) => Ok(payload),
            Ok(Reconciled::Failed(text)) => Err(RecordedError { class: Class::Permanent, text }),
            Ok(Reconciled::Park(reason)) => {
                return Err(AgentError::Parked { step: key.clone(), reason });
            }
            Err(panic) => {
                let reason = format!("its reconciler failed: {panic}").into();
                return Err(AgentError::Parked { step: key.clone(), reason });
            }
        };
        // What the attempt in doubt had reserved counts as spent, in every later process too. What was
        // withheld has nothing reserved: its own receipt says what it has used.
        let reserved = run.history().reserved(key);
        self.write(key, receipt(*digest, answer.clone(), reserved)).await?;
        Ok(Resolved::Receipt(answer))
    }

    /// As [`resolve`](Self::resolve), for a step that nobody will enter again.
    pub(crate) async fn resolve_abandoned(
        &self,
        key: &Key,
        effect: Effect,
        digest: &Digest,
    ) -> Result<Option<Answer>, AgentError> {
        match self.resolve(key, effect, digest, Doubt::NoReceipt, Fate::Abandoned).await? {
            Resolved::Run => Ok(None),
            Resolved::Receipt(answer) => Ok(Some(answer)),
        }
    }
}
