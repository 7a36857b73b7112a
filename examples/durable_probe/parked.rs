//! What is done about irreversible steps in doubt: nothing, and they are named.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use maniple::core::{AgentError, InDoubt, Reconciled, Reconciler};

use crate::problem::Problem;

/// The steps that were parked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parked(Arc<Mutex<BTreeSet<String>>>);

#[async_trait]
impl Reconciler for Parked {
    async fn reconcile(&self, doubt: InDoubt) -> Reconciled {
        // A pattern stops at the first that is parked, but a person wants to hear of all.
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.insert(doubt.key.as_str().to_owned());
        Reconciled::Park(format!("its {} effect may have happened", doubt.effect).into())
    }
}

impl Parked {
    /// What to tell of a run that has ended as parked.
    pub(crate) fn problem(&self, error: AgentError) -> Problem {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        match error {
            // A saga has written down what waits, and asks nobody but an operator again.
            AgentError::Parked { .. } if steps.is_empty() => Problem::Waits(error),
            _ if steps.is_empty() => Problem::Run(error),
            _ => Problem::Parked { steps: steps.join(", ") },
        }
    }
}
