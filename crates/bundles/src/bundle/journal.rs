use futures::future::{BoxFuture, FutureExt, ready};
use maniple_core::{Journal, JournalError, Record};

use super::{ContextBundle, encode};
use crate::action::Action;
use crate::error::BundleError;
use crate::state::RunChange;
use crate::writer::{Change, Command};

/// A run's records lie in the log between the session's other actions, in their order.
///
/// After one that could not be written no more are taken until the session is remounted, because a
/// run counts on each of them. Other actions are taken.
///
/// An output that holds a secret is withheld: a run that goes on from it asks again for what it may.
/// A secret where the run cannot do without it (in a name, a decision, a signal) is refused.
impl Journal for ContextBundle {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let change = RunChange::from(&record);
        match encode(&self.settings.redactor, Action::Journal(record)) {
            Ok((_, action)) => self
                .send(action, Change::Record(change))
                .map(|written| written.map(drop).map_err(BundleError::stopped))
                .boxed(),
            Err(error) => {
                // The run has counted on this record, so none may follow it. If the thread has
                // ended already, none will.
                let _ = self.commands.send(Command::StopJournal(error.clone()));
                ready(Err(error.stopped())).boxed()
            }
        }
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        let records = self.with(|worker| {
            let mut records = Vec::new();
            super::read(worker, &mut |entry| {
                if let Action::Journal(record) = entry.action {
                    records.push(record);
                }
            })?;
            Ok(records)
        });
        records.map(|records| records.map_err(BundleError::unreadable)).boxed()
    }
}
