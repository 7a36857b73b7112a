//! The journal of a release.

use std::path::Path;
use std::sync::Arc;

use maniple::bundles::{Action, ContextBundle, Durability, Filter, Meta, Sessions};
use maniple::core::Record;
use maniple::orchestration::{ParkedStep, SagaOperator};

use super::command::{Decided, Step};
use super::problem::Problem;

/// A run in a folder of sessions.
pub(crate) struct Session {
    sessions: Sessions,
    run: String,
}

impl Session {
    pub(crate) fn new(folder: &Path, run: &str) -> Self {
        let sessions = Sessions::in_dir(folder).with_durability(Durability::Synced);
        Self { sessions, run: run.to_owned() }
    }

    /// Opens it to work on it.
    pub(crate) async fn open(&self) -> Result<Arc<ContextBundle>, Problem> {
        // Without labels, so that an operator finds the run by its name.
        Ok(Arc::new(self.sessions.open_or_create(Meta::new(&self.run)).await?))
    }

    /// What it holds, whoever works on it.
    pub(crate) async fn records(&self) -> Result<Vec<Record>, Problem> {
        let found = self.sessions.list(&Filter::all().named(&self.run)).await?;
        let Some(session) = found.last() else { return Ok(Vec::new()) };
        let entries = self.sessions.view(session.id).await?.actions(0).await?;
        let record = |action| match action {
            Action::Journal(record) => Some(record),
            _ => None,
        };
        Ok(entries.into_iter().filter_map(|entry| record(entry.action)).collect())
    }

    /// Writes down what a person has decided about a step that waits.
    pub(crate) async fn decide(&self, step: Step, decided: Decided) -> Result<(), Problem> {
        let operator = SagaOperator::new(self.sessions.clone());
        let parked = operator.parked().await?;
        let is_it = |parked: &&ParkedStep| *parked.run == *self.run && *parked.step == *step.name();
        if let Some(parked) = parked.steps.iter().find(is_it) {
            match decided {
                Decided::Retry => operator.retry(parked).await?,
                Decided::Skip => operator.skip(parked).await?,
                Decided::Resolve(output) => operator.resolve(parked, &output).await?,
            }
            return Ok(());
        }
        match parked.unread.into_iter().find(|(run, _)| **run == *self.run) {
            Some((_, error)) => Err(error.into()),
            None => Err(Problem::NotParked { step }),
        }
    }
}
