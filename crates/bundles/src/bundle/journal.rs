use futures::future::{BoxFuture, FutureExt, ready};
use maniple_core::{Journal, JournalError, Record};

use super::ContextBundle;
use crate::action::Action;
use crate::error::BundleError;
use crate::format::encode_action;
use crate::writer::{Change, Command};

/// A run's records lie in the log between the session's other actions, in their order.
///
/// After one that could not be written no more are taken until the session is remounted, because a
/// run counts on each of them. Other actions are taken.
impl Journal for ContextBundle {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        match encode_action(&Action::Journal(record)) {
            Ok(action) => self
                .send(action, Change::Record)
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
