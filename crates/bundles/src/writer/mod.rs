//! The thread that owns an open session: everything that is done to it is done there, in the order in
//! which it was asked for.

mod batch;
#[cfg(test)]
mod driven;
mod ending;
mod open;
mod work;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, RwLock};
use std::thread::{Builder, JoinHandle};

use futures::channel::oneshot;

#[cfg(test)]
pub(crate) use driven::Driven;
pub(crate) use ending::Ending;
pub(crate) use open::{Opening, Remounted, Snapshot, open, read_header, read_snapshot};
pub(crate) use work::Worker;

use crate::action::Action;
use crate::durability::Durability;
use crate::error::{Attempt, BundleError};
use crate::format::Encoded;
use crate::session::Header;
use crate::state::{RunChange, State};
use crate::store::BundleStore;

/// What the thread is asked to do.
pub(crate) enum Command {
    /// Write an action; the answer is its number.
    Append(Box<Append>),
    /// Do something when everything accepted so far is written.
    Do(Box<dyn FnOnce(&mut Worker) + Send>),
    /// Take no more records of a run, because one that was to be accepted cannot be.
    StopJournal(BundleError),
    /// Seal the log and end.
    Close { done: oneshot::Sender<Result<(), BundleError>> },
    /// End.
    Finish,
}

/// An action that was accepted.
pub(crate) struct Append {
    pub(crate) time_ms: u64,
    pub(crate) action: Encoded,
    pub(crate) change: Change,
    pub(crate) done: oneshot::Sender<Result<u64, BundleError>>,
}

/// What an action is to the state.
pub(crate) enum Change {
    /// A record of a run.
    Record(RunChange),
    /// It is folded in.
    Action(Action),
}

/// A running writer.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) commands: Sender<Command>,
    pub(crate) ending: Arc<Ending>,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) header: Header,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) remounted: Remounted,
}

impl Writer {
    /// Starts a thread, which opens the session and then waits for commands.
    ///
    /// If the future is dropped, the thread finds nobody to work for and ends.
    pub(crate) async fn start(
        store: Arc<dyn BundleStore>,
        opening: Opening,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        let (commands, queue) = channel();
        let (opened, answer) = oneshot::channel();
        let ending = Arc::new(Ending::default());
        let on_thread = {
            let ending = Arc::clone(&ending);
            move || match Worker::open(store, opening, durability, ending) {
                Err(error) => drop(opened.send(Err(error))),
                Ok((worker, remounted)) => {
                    let (header, state) = (worker.header().clone(), worker.state());
                    if opened.send(Ok((header, state, remounted))).is_ok() {
                        worker.run(&queue);
                    }
                }
            }
        };
        let name = "maniple-bundle";
        let started = Builder::new().name(name.into()).spawn(on_thread);
        let thread = started.attempt("start the thread", name.as_ref())?;
        let died = |_| Err(ending.error());
        let (header, state, remounted) = answer.await.unwrap_or_else(died)?;
        Ok(Self { commands, ending, thread, header, state, remounted })
    }
}
