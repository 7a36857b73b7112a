use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use maniple_core::{Journal, RunStore, RunStoreError, Source, UnfinishedRun};

use super::{Filter, Sessions, Summary};
use crate::error::BundleError;
use crate::session::{Meta, Point};
use crate::view::SessionView;

/// A run is the session of its name that has no labels: the newest, where there are more.
impl RunStore for Sessions {
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<dyn Journal>, RunStoreError>> {
        let opened = async move {
            match self.open_or_create(Meta::new(name)).await {
                Ok(bundle) => Ok(Arc::new(bundle) as Arc<dyn Journal>),
                Err(BundleError::OpenElsewhere { .. }) => {
                    Err(RunStoreError::InUse { name: name.into() })
                }
                Err(error) => {
                    let source = Source::new(error);
                    Err(RunStoreError::Unopened { name: name.into(), source })
                }
            }
        };
        opened.boxed()
    }

    fn list_unfinished(&self) -> BoxFuture<'_, Result<Vec<UnfinishedRun>, RunStoreError>> {
        let listed = async move {
            let unlisted = |error| RunStoreError::Unlisted { source: Source::new(error) };
            let sessions = self.list(&Filter::all()).await.map_err(unlisted)?;
            // The newest of a name is the one that is opened by it.
            let sessions = sessions.into_iter().filter(|one| one.meta.labels().count() == 0);
            let newest: BTreeMap<_, _> =
                sessions.map(|one| (one.meta.name().to_owned(), one)).collect();
            let store = Arc::clone(&self.store);
            let unfinished = move || {
                let runs = newest.into_values().filter_map(|session| {
                    let view = SessionView::find(Arc::clone(&store), session.id);
                    unfinished(&session, view)
                });
                Ok(runs.collect())
            };
            crate::offload::offload(unfinished).await.map_err(unlisted)
        };
        listed.boxed()
    }
}

/// The run of a session, if it has begun and has not finished.
fn unfinished(session: &Summary, view: Result<SessionView, BundleError>) -> Option<UnfinishedRun> {
    let name = session.meta.name();
    // What is written down about a log may be older than the log.
    if session.log.as_ref().and_then(|log| log.run.as_ref()).is_some_and(|run| run.finished) {
        return None;
    }
    match view.and_then(|view| view.folded(&Point::End)) {
        Ok(folded) => {
            let run = folded.state.run();
            let is_unfinished = match run {
                Some(run) => !run.finished,
                // Records that are those of no run wait for whoever looks at them.
                None => folded.state.journal_records() > 0,
            };
            let run = run.map(|run| run.id.clone());
            is_unfinished.then(|| UnfinishedRun { name: name.into(), run })
        }
        // It was deleted meanwhile.
        Err(BundleError::Deleted { .. } | BundleError::NotFound { .. }) => None,
        // It does not hide the others, and who opens it is told why.
        Err(_) => Some(UnfinishedRun { name: name.into(), run: None }),
    }
}
